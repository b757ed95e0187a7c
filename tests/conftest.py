"""What tests share: project folders written from text, and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

_COMMAND = [sys.executable, "-c", "import sys; from confjob.__main__ import main; sys.exit(main())"]

# A runner in the background of a shell without job control is started with SIGINT ignored, which
# children inherit: then Ctrl-C could be tested by nobody.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Variables of the tester's own that would change what a job sees.
_NOT_INHERITED = ("CONFJOB_", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "GIT_", "NO_COLOR")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    python = Path(sys.executable)
    git = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    return {**kept, **git, "PATH": f"{python.parent}{os.pathsep}{kept.get('PATH', os.defpath)}"}


class ProjectFolder:
    """A folder with a project in it, and confjob run there as a user would.

    Everything it launches is ended, and waited for, when the test is over.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = _environment()
        self.command = _COMMAND

    def write(self, files: Mapping[str, str | bytes]) -> ProjectFolder:
        """Write files by relative path."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def confjob(
        self, *arguments: str, code: int | None = 0, cwd: str = ".", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line; `code` is the exit code that is expected, None for any."""
        done = subprocess.run(
            [*_COMMAND, *arguments],
            cwd=self.root / cwd,
            env=options.pop("env", self.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )
        if code is not None:
            shown = f"$ confjob {' '.join(arguments)}\n{done.stdout}{done.stderr}"
            assert done.returncode == code, f"exit code {done.returncode}, not {code}\n{shown}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with `--json` and return what it prints."""
        at = arguments.index("--") if "--" in arguments else len(arguments)
        return json.loads(self.confjob(*arguments[:at], "--json", *arguments[at:], code=code).stdout)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the command line and return its process, the leader of a group of its own."""
        return subprocess.Popen(
            [*_COMMAND, *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def launch(self, *arguments: str) -> dict[str, Any]:
        """Launch, wait for the end, and return the run's status."""
        run = self.json("launch", *arguments)["id"]
        return self.wait(run)

    def wait(self, run: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a run is in one of `states` (default: any final one)."""
        wanted = states or ("SUCCEEDED", "FAILED", "CANCELLED", "LOST", "PREEMPTED")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            known = self.json("status", run)
            if known["state"] in wanted:
                return known
            time.sleep(0.05)
        raise AssertionError(f"run {run} is {known['state']} after {seconds} s, not {wanted}")

    def output(self, run: str) -> str:
        """Return what a run printed."""
        return self.confjob("logs", run).stdout

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs."""
        return self.json("runs")

    def git(self, *arguments: str) -> str:
        """Run git in the project."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environ, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self) -> ProjectFolder:
        """Make the project a git repository with all its files committed."""
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=all")
        return self

    def end(self) -> None:
        """End every run that still goes on."""
        if not (self.root / ".confjob" / "runs").is_dir():
            return
        final = ("SUCCEEDED", "FAILED", "CANCELLED", "LOST")
        going = [run["id"] for run in self.runs() if run["state"] not in final]
        if going:
            self.confjob("cancel", *going, code=None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Under CONFJOB_REQUIRE_ENGINES=1, which CI sets, a skipped test is a failed one."""
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1"
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped although everything is required: {report.longrepr}"
    return report


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """An empty project folder, whose runs are ended after the test."""
    folder = ProjectFolder(tmp_path / "project")
    folder.root.mkdir()
    yield folder
    folder.end()


@pytest.fixture
def copy_of_example(tmp_path: Path) -> Iterator[Callable[[str], ProjectFolder]]:
    """A function that returns a copy of an example folder, as a project."""
    import shutil

    folders: list[ProjectFolder] = []

    def copy(name: str) -> ProjectFolder:
        source = Path(__file__).parents[1] / "examples" / name
        ignored = shutil.ignore_patterns(".confjob", "__pycache__")
        shutil.copytree(source, tmp_path / name, ignore=ignored)
        folders.append(ProjectFolder(tmp_path / name))
        return folders[-1]

    yield copy
    for folder in folders:
        folder.end()
