"""The plugin as its users meet it: found by its entry points, through confjob's command line."""

from pathlib import Path

import confjob_example
import pytest
from confjob_example import confjob_infer

from confjob.plugin import Document, KeyPath, Node, Source
from confjob.testing import check_light

PACKAGE = Path(__file__).parents[1]
FILES = {
    "launch.toml": '[jobs.serve]\ncommand = ["cat", "app.ini"]\n\n[[jobs.serve.files]]\npath = "app.ini"\n',
    "app.ini": "# where to listen\n[server]\nhost = localhost\nport = 8080\n",
}


@pytest.fixture
def serving(project):
    """A project with an INI file, and the plugin as if it were installed."""
    return project.install(PACKAGE).write(FILES)


def test_importing_it_is_cheap_and_does_nothing():
    check_light(confjob_example)


def test_a_job_gets_the_changed_file_and_the_projects_own_stays(serving):
    run = serving.launch("serve", "--set", "server.port=9090", "--set", "+server.tls=yes")
    assert run["state"] == "SUCCEEDED"
    expected = "# where to listen\n[server]\nhost = localhost\nport = 9090\ntls = yes\n"
    assert serving.output(run["id"]) == expected
    assert (serving.root / "app.ini").read_text() == FILES["app.ini"]


def test_values_are_text_and_arrive_as_they_were_said(serving):
    run = serving.launch("serve", "--set", "server.host=0042", "--set", "+server.version=1.10")
    assert "host = 0042\nport = 8080\nversion = 1.10\n" in serving.output(run["id"])


def test_what_reads_as_a_number_stays_one_unless_a_person_insists(serving):
    told = serving.told("plan", "serve", "--set", "server.port=banana", code=1)
    assert "app.ini:server.port: " in told
    assert "(app.ini:4:8)" in told
    assert "+port = banana" in serving.told("plan", "serve", "--set-any", "server.port=banana")


@pytest.mark.parametrize(
    ("text", "other", "fits"),
    [
        ("8080", "9090", True),
        ("8080", "0.5", False),
        ("1e-4", "3.5e-5", True),
        ("0.1", "1", True),
        ("0.1", "high", False),
        ("yes", "no", True),
        ("yes", "maybe", False),
        ("here", "8080", True),
    ],
)
def test_the_type_of_a_text(serving, text, other, fits):
    serving.write({"app.ini": f"[a]\nx = {text}\n"})
    serving.confjob("plan", "serve", "--set", f"a.x={other}", code=0 if fits else 1)


def test_a_comment_hides_a_value_in_every_format(serving):
    serving.write(
        {"app.ini": "[a]\n# confjob: hide\nx = 1\ny = 2\n", "more.yaml": "x: 1  # confjob: hide\ny: 2\n"}
    )
    serving.write({"launch.toml": FILES["launch.toml"] + '[[jobs.serve.files]]\npath = "more.yaml"\n'})
    shown = [(each["input"], each["path"]) for each in serving.json("show", "serve")["inputs"]]
    assert shown == [("app.ini", "a.y"), ("more.yaml", "y")]


def test_a_broken_file_is_told_with_its_place(serving):
    serving.write({"app.ini": "[server]\nport\n"})
    assert "app.ini:2:1: neither a [section] nor a key = value" in serving.told("show", "serve", code=1)


def test_a_new_section_is_added_at_the_end(serving):
    run = serving.launch("serve", "--set", "+log.level=10")
    assert serving.output(run["id"]).endswith("port = 8080\n\n[log]\nlevel = 10\n")


def test_other_documents_are_none_of_its_business():
    source = Source(input="run-config", path=None, root=Path())
    document = Document(source=source, nodes={KeyPath(): Node(value={"port": "1"})})
    assert confjob_infer(document) is None
