"""A project folder in a test, and confjob run there as a user would run it.

Tests of a plugin that go through the command line find what tests of its functions can't:
whether its entry points are right, what its refusals look like, what reaches the job.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confjob.builtin.local.queue.door import stop_agent
from confjob.store import RunFolder
from confjob.testing.distribution import install

__all__ = ["ProjectFolder"]

_CONFJOB = (sys.executable, "-c", "import sys; from confjob.__main__ import main; sys.exit(main())")

#: Variables of the tester's own that would change what confjob or a job sees.
_NOT_INHERITED = ("CONFJOB_", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "GIT_", "NO_COLOR", "XDG_CONFIG_")

_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}

_FINAL = ("SUCCEEDED", "FAILED", "CANCELLED", "LOST", "PREEMPTED")

_NOT_COPIED = (".confjob", "__pycache__", ".venv")


class ProjectFolder:
    """A folder with a project in it, and confjob run there as a user would.

    The `project` fixture of `confjob.testing.plugin` makes one and ends its runs after the
    test; whoever makes one by hand calls `end()`.

    Args:
        root: The folder; made if it is missing.
        python: The interpreter of the jobs, as if its environment were active; default:
            the tests' own.
        variables: Environment variables on top of the tester's own, which are kept but
            for those that would change what confjob does.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     project = ProjectFolder(Path(folder)).write({"launch.toml": ""})
        ...     project.json("jobs")
        []
    """

    def __init__(
        self, root: Path, python: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self.environ = {**_environment(root, python), **(variables or {})}
        self.command = list(_CONFJOB)

    @classmethod
    def copy_of(cls, source: Path, root: Path, python: Path | None = None, **options: Any) -> ProjectFolder:
        """Return a project whose files are a copy of those in `source`, without runs and caches."""
        shutil.copytree(source, root, ignore=shutil.ignore_patterns(*_NOT_COPIED), dirs_exist_ok=True)
        return cls(root, python, **options)

    def write(self, files: Mapping[str, str | bytes]) -> ProjectFolder:
        """Write files by relative path; returns the project itself."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def install(self, package: Path) -> ProjectFolder:
        """Make a plugin's package known to confjob, as `pip install -e` would; nothing is built.

        Args:
            package: The folder of its `pyproject.toml`.

        Returns:
            The project itself.

        Raises:
            ConfjobError: When the `pyproject.toml` says too little.
        """
        places = install(package, self.root.parent / "installed")
        before = self.environ.get("PYTHONPATH", "").split(os.pathsep)
        self.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*map(str, places), *before]))
        return self

    def run(
        self, *argv: str, code: int | None = 0, cwd: str = ".", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run any command in the project.

        Args:
            argv: Program and arguments.
            code: The exit code that is expected; None for any.
            cwd: Where to run it, relative to the project.
            options: As `subprocess.run` takes them.

        Raises:
            AssertionError: When it exits with another code; shows what it printed.
        """
        settings = {"env": self.environ, "stdin": subprocess.DEVNULL, "timeout": 180, **options}
        done: subprocess.CompletedProcess[str] = subprocess.run(
            argv, cwd=self.root / cwd, capture_output=True, text=True, check=False, **settings
        )
        if code is not None:
            shown = f"$ {' '.join(argv[len(_CONFJOB) :] if argv[1:2] == _CONFJOB[1:2] else argv)}"
            told = f"exit code {done.returncode}, not {code}\n{shown}\n{done.stdout}{done.stderr}"
            assert done.returncode == code, told
        return done

    def confjob(
        self, *arguments: str, code: int | None = 0, cwd: str = ".", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line; see `run`."""
        return self.run(*self.command, *arguments, code=code, cwd=cwd, **options)

    def answering(
        self, answer: str, *arguments: str, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line with a terminal at which somebody types an answer."""
        leader, follower = pty.openpty()
        try:
            os.write(leader, f"{answer}\n".encode())
            return self.confjob(*arguments, code=code, stdin=follower)
        finally:
            os.close(leader)
            os.close(follower)

    def told(self, *arguments: str, code: int | None = 0) -> str:
        """Run the command line, and return all that it tells: stdout, then stderr."""
        done = self.confjob(*arguments, code=code)
        return done.stdout + done.stderr

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        """Run a command with `--json` and return what it prints."""
        at = arguments.index("--") if "--" in arguments else len(arguments)
        return json.loads(self.confjob(*arguments[:at], "--json", *arguments[at:], code=code).stdout)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the command line and return its process, the leader of a group of its own."""
        return subprocess.Popen(
            [*self.command, *arguments],
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
        return self.wait(self.json("launch", *arguments)["id"])

    def wait(self, run: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a run is in one of `states` (default: any final one), and return its status.

        Raises:
            AssertionError: When it is not, after so many seconds.
        """
        until = time.monotonic() + seconds
        while True:
            known: dict[str, Any] = self.json("status", run)
            if known["state"] in (states or _FINAL):
                return known
            late = f"run {run} is {known['state']} after {seconds} s, not {states or _FINAL}"
            assert time.monotonic() < until, late
            time.sleep(0.05)

    def output(self, run: str) -> str:
        """Return what a run printed."""
        return self.confjob("logs", run).stdout

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, the newest first."""
        found: list[dict[str, Any]] = self.json("runs")
        return found

    def git(self, *arguments: str) -> str:
        """Run git in the project, and return what it prints."""
        return self.run("git", *arguments).stdout

    def commit(self) -> ProjectFolder:
        """Make the project a git repository with all its files committed; returns the project."""
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=all")
        return self

    def end(self) -> None:
        """End every run that still goes on, and the agent of its queue."""
        going = [path.name for path in (self.root / ".confjob" / "runs").glob("[!.]*") if not _is_over(path)]
        if going:
            self.confjob("cancel", *going, code=None)
        machine = Path(self.environ["CONFJOB_MACHINE_DIR"])
        if machine.is_dir():
            stop_agent(machine)


def _is_over(run_dir: Path) -> bool:
    return RunFolder(id=run_dir.name, path=run_dir).end() is not None


def _environment(root: Path, python: Path | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    interpreter = python or Path(sys.executable)
    active = {} if python in (None, Path(sys.executable)) else {"VIRTUAL_ENV": str(interpreter.parent.parent)}
    # The tester's own settings are not the project's, and neither are the machine's.
    settings = {
        "XDG_CONFIG_HOME": str(root.parent / "settings"),
        "XDG_CONFIG_DIRS": str(root.parent / "site"),
        # A queue of its own: what other tests run takes no core away.
        "CONFJOB_MACHINE_DIR": str(root.parent / "machine"),
        "CONFJOB_SLOTS_DIR": str(root.parent / "slots"),
    }
    path = f"{interpreter.parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, **_GIT, **settings, **active, "PATH": path}
