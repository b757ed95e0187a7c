"""Every code block of the README, CONTRIBUTING and the docs does what the page says.

- `console`: the commands are run, and print what stands below them. `…` stands for
  anything on a line, a line of nothing else for any number of lines. A run's id is
  whatever the page calls it.
- `python`: all blocks of a page are run together, as one script.
- `toml`: a manifest is read as `launch.toml`; anything else must be TOML.

A comment on the line before a block says more:

    <!-- run: examples/digits -->   the folder to run it in: a copy of one of the
                                    repository's, or one that the page's files make
    <!-- file: demo/train.py -->    it is a file: put it there, and do nothing else
    <!-- not run: why -->
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import tomlkit
from attrs import frozen

from confjob.declare.manifest import read_manifest
from confjob.declare.settings import read_settings
from confjob.model import Source
from confjob.registry import Registry
from confjob.settings import Settings, SettingsFile

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("plugins/*/README.md")),
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in page.parts),
]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<how>run|file|not run): (?P<what>.*?) -->\n+)?"
    r"^```(?P<language>[\w-]+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_RUN_ID = re.compile(r"\A[a-z][a-z2-9]{6}$", re.MULTILINE)


@frozen(kw_only=True)
class Block:
    line: int
    language: str
    text: str
    how: str
    what: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, match.start("text")),
            language=match["language"],
            text=match["text"],
            how=match["how"] or "",
            what=match["what"] or "",
        )
        for match in _BLOCK.finditer(text)
    ]


def pages_with(language: str) -> list[object]:
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if any(block.language == language for block in blocks(page))
    ]


# -- console ---------------------------------------------------------------------------


class Session:
    """The folders of one page, and the ids of the runs it starts."""

    def __init__(self, top: Path, environ: dict[str, str]) -> None:
        self.top = top
        self.environ = environ | {"COLUMNS": "80"}
        self.ids: dict[str, str] = {}  # as the page has it -> as it is

    def write(self, block: Block) -> None:
        path = self.top / block.what
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run(self, block: Block) -> None:
        for command, expected in _COMMAND.findall(block.text):
            printed = self._printed(command, self._folder(block.what))
            self._note_id(expected, printed)
            for on_page, real in self.ids.items():
                printed = printed.replace(real, on_page)
            if not _pattern(expected).fullmatch(printed):
                shown = f"the page shows:\n{expected}\nit prints:\n{printed[-2000:]}"
                pytest.fail(f"line {block.line}: $ {command}\n{shown}", pytrace=False)

    def _folder(self, name: str) -> Path:
        folder = self.top / name
        if not folder.exists():
            shutil.copytree(ROOT / name, folder, ignore=shutil.ignore_patterns(".confjob", "__pycache__"))
        return folder

    def _printed(self, command: str, folder: Path) -> str:
        for on_page, real in self.ids.items():
            command = command.replace(on_page, real)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode not in (0, 1, 4):
            pytest.fail(f"$ {command}\n{done.stdout}exit code {done.returncode}", pytrace=False)
        return done.stdout

    def _note_id(self, expected: str, printed: str) -> None:
        on_page, real = _RUN_ID.search(expected), _RUN_ID.search(printed)
        if on_page and real:
            self.ids[on_page[0]] = real[0]


def _pattern(expected: str) -> re.Pattern[str]:
    lines = (
        r"(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*")
        for line in expected.splitlines(keepends=True)
    )
    return re.compile("".join(lines))


@pytest.mark.parametrize("page", pages_with("console"))
def test_commands_print_what_the_page_shows(page, project):
    session = Session(project.root, project.environ)
    for block in blocks(page):
        if block.how == "file":
            session.write(block)
        elif block.language == "console" and block.how == "run":
            session.run(block)


@pytest.mark.parametrize("page", pages_with("console"))
def test_a_console_block_says_where_it_runs_or_why_it_does_not(page):
    silent = [block.line for block in blocks(page) if block.language == "console" and not block.how]
    assert not silent, f"{page.name}: blocks without a comment, on lines {silent}"


def test_a_page_that_shows_something_else_is_caught():
    assert _pattern("a…c\n…\nd\n").fullmatch("abc\n1\n2\nd\n")
    assert not _pattern("a…c\n").fullmatch("abd\n")
    assert not _pattern("a\n").fullmatch("a\nb\n")


# -- python ----------------------------------------------------------------------------


def script(page: Path) -> str:
    """Return the page's Python with each line where it stands on the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and not block.how:
            lines += [""] * (block.line - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", [param for param in pages_with("python") if script(param.values[0]).strip()])
def test_python_blocks_run(page, tmp_path):
    (tmp_path / page.name).write_text(script(page), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", page.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# -- toml ------------------------------------------------------------------------------


TOML = [
    pytest.param(block.text, id=f"{page.relative_to(ROOT)}:{block.line}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "toml"
]


@pytest.mark.parametrize("text", TOML)
def test_toml_blocks_are_read(text, tmp_path):
    tables = tomlkit.parse(text)
    if {"state-dir", "env", "resources"} & set(tables):
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        file = SettingsFile(owner="user", path=tmp_path / "config.toml")
        assert read_settings(Settings(files=(file,))).read
    elif {"jobs", "targets", "workspace", "default-target"} & set(tables):
        (tmp_path / "launch.toml").write_text(text, encoding="utf-8")
        source = Source(input="launch.toml", path=PurePosixPath("launch.toml"), root=tmp_path)
        read_manifest(Registry().format("toml").load(source))
