import pytest

from confjob.pipeline.doctoring import here
from confjob.pipeline.doctoring.patient import patient_of
from confjob.project import Project


@pytest.fixture
def look(tmp_path, monkeypatch):
    """Look for completion where this machine has none."""
    monkeypatch.setattr(here, "_SHARES", (tmp_path / "share",))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def looked(shell):
        environ = {"SHELL": f"/bin/{shell}"}
        found = list(here.completion.look(patient_of(Project.find(tmp_path, environ=environ), patience=1)))
        return [(finding.mark, finding.hint) for finding in found]

    return looked


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", "home/.local/share/bash-completion/completions/confjob"),
        ("bash", "share/bash-completion/completions/confjob"),
        ("zsh", "home/.local/share/zsh/site-functions/_confjob"),
        ("zsh", "share/zsh/site-functions/_confjob"),
        ("fish", "home/.config/fish/completions/confjob.fish"),
    ],
)
def test_completion_is_looked_for_where_the_shell_would(look, tmp_path, shell, place):
    assert look(shell) == [("note", "confjob completion --install")]
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    assert look(shell) == [("ok", "")]


def test_a_shell_that_is_not_served_is_no_matter(look):
    assert look("dash") == []
