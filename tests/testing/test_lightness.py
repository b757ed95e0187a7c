"""A plugin's module costs its users next to nothing; what breaks that is named."""

import subprocess
import sys
from types import ModuleType

import pytest

from confjob.registry.light import import_faults
from confjob.testing import check_light

GOOD = """
import re
from attrs import frozen
from confjob.plugin import hookimpl, text_format

@hookimpl
def confjob_formats():
    import heavy
    return []
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module, and a heavy one; return the name to check."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "heavy.py").write_text("")

    def write(text):
        (tmp_path / "plugged.py").write_text(text)
        return "plugged"

    return write


def test_a_light_module_passes_by_name_as_a_module_and_as_an_object(module):
    check_light(module(GOOD))
    check_light(ModuleType("plugged"))
    assert import_faults("plugged:confjob_formats") == []


def test_what_is_imported_is_not_imported_into_this_process(module):
    check_light(module(GOOD))
    assert "plugged" not in sys.modules


def test_our_own_built_ins_are_light():
    for name in (
        "confjob.builtin.json",
        "confjob.builtin.toml",
        "confjob.builtin.yaml",
        "confjob.builtin.local",
    ):
        assert import_faults(name, allowed=["yaml", "tomlkit"]) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("import heavy", "it imports heavy"),
        ("import asyncio", "it imports asyncio"),
        ("import os; os.environ['X'] = '1'", "changes environment variables: X"),
        ("import os; os.chdir('/')", "changes the working directory"),
        ("open('written', 'w').close()", "writes to a file: written"),
        ("import os; os.mkdir('made')", "makes a folder: made"),
        ("import subprocess; subprocess.run(['true'])", "starts a process: true"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "opens a socket"),
        ("import threading; threading.Thread(target=input, daemon=True).start()", "starts a thread"),
        ("print('hello')", "prints 'hello'"),
        ("raise ValueError('no')", "can't be imported: ValueError: no"),
        ("raise SystemExit", "can't be imported: SystemExit"),
        ("import os; os._exit(3)", "can't be imported: exit code 3"),
        ("from confjob.plugin import nothing", "can't be imported: ImportError"),
    ],
)
def test_what_an_import_must_not_do_is_named(module, line, fault):
    with pytest.raises(AssertionError, match="plugged") as caught:
        check_light(module(f"{line}\n{GOOD}"))
    assert fault in str(caught.value)


def test_what_is_allowed_is_no_fault(module):
    check_light(module(f"import heavy, asyncio\n{GOOD}"), allowed=["heavy", "asyncio"])


def test_the_kit_itself_needs_no_pytest():
    code = "import sys, confjob.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
