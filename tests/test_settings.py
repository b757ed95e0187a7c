"""Where settings are looked for, and how `state-dir` is read out of whatever stands there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.errors import ConfjobError
from confjob.settings import Settings, SettingsFile, checked_folder, settings_files
from confjob.tree import MISSING


@pytest.fixture
def written(tmp_path):
    def write(text, owner="user"):
        path = tmp_path / f"{owner}.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return SettingsFile(owner=owner, path=path)

    return write


def test_the_users_come_before_the_sites_in_their_order(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    found = [(file.owner, file.path.relative_to(tmp_path)) for file in settings_files()]
    assert found == [
        ("user", Path("user/confjob/config.toml")),
        ("site", Path("a/confjob/config.toml")),
        ("site", Path("b/confjob/config.toml")),
    ]


def test_a_file_that_is_not_there_says_nothing(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "gone", tmp_path / "file" / "below"):
        file = SettingsFile(owner="user", path=path)
        assert file.read() is None
        assert file.state_dir() == (MISSING, None)


def test_the_place_is_shown_from_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SettingsFile(owner="user", path=tmp_path / "x" / "config.toml").shown == "~/x/config.toml"
    assert SettingsFile(owner="site", path=Path("/etc/config.toml")).shown == "/etc/config.toml"


@pytest.mark.parametrize(
    "text",
    [
        'state-dir = "/s"',
        '  "state-dir"="/s"  # scratch\n[env\n',
        'targts = =\nstate-dir = "/s"\n',
        "# state-dir = '/no'\nstate-dir = '/s'\n[[[\n",
        '\ufeffstate-dir = "/s"\r\n[env\r\n',
    ],
)
def test_state_dir_is_read_whatever_else_is_wrong(written, text):
    found = Settings(files=(written(text),)).state_dir()
    assert found is not None
    assert found.folder == Path("/s")
    line = next(number for number, each in enumerate(text.split("\n"), 1) if "/s" in each)
    assert f".toml:{line}:" in found.where


@pytest.mark.parametrize(
    "text", ["", "[env\n", '[targets.x]\nstate-dir = "/s"\n[', '[env]\nstate-dir = "/s"\n']
)
def test_in_a_table_it_is_something_else(written, text):
    assert Settings(files=(written(text),)).state_dir() is None


@pytest.mark.parametrize("text", ['state-dir = "/s', "state-dir = 3", "state-dir = 's'", b"\xff"])
def test_what_cant_be_told_is_refused_with_the_file(written, text):
    file = written(text)
    with pytest.raises(ConfjobError) as refused:
        Settings(files=(file,)).state_dir()
    assert file.shown in refused.value.message


def test_the_first_file_that_says_it_wins_and_the_variable_over_all(written):
    user, site = written("[env]\n", "user"), written('state-dir = "/site"', "site")
    assert Settings(files=(user, site)).state_dir().folder == Path("/site")
    user = written('state-dir = "/user"', "user")
    broken = written("state-dir = ", "site")
    assert Settings(files=(user, broken)).state_dir().folder == Path("/user")
    assert Settings(files=(broken, user), variable="/v").state_dir().folder == Path("/v")
    assert Settings.find({"CONFJOB_STATE_DIR": ""}).variable == ""


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_whatever_is_said_a_folder_is_absolute_or_refused(text):
    try:
        assert checked_folder(text).is_absolute()
    except ValueError as error:
        assert str(error)


def test_only_a_tilde_is_replaced(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert checked_folder("~/runs") == Path("/home/me/runs")
    for bad in ("$HOME/runs", "/scratch/$USER", "runs", "./runs", "~nobody-of-this-name/x", "", 3, None):
        with pytest.raises(ValueError, match=r"\w"):
            checked_folder(bad)
