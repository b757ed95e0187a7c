"""Talking to Docker or Podman by their command line, and reading what they answer.

Both answer JSON, each in its own form; what is the same to us becomes the same here. An engine
that can't be asked raises `BackendError` in its own words; that is never read as "not there".
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from confjob.plugin import BackendError, Json
from confjob_container.command import LABEL

__all__ = ["Client", "Container", "Ended", "find_engine"]

#: How many names one call is given.
_CHUNK = 200

#: Seconds that a question may take; a pull or a stop may take as long as it must.
_PATIENCE = 60.0

_NAME = re.compile(r"confjob-(?P<run>[A-Za-z0-9_.-]+)-(?P<attempt>[0-9]+)")


@frozen(kw_only=True)
class Container:
    """A container of a run, as the engine lists it.

    Args:
        name: Its name.
        run: The run's id.
        attempt: Which attempt it runs.
        state: The engine's word, such as `running`.
    """

    name: str
    run: str
    attempt: int
    state: str


@frozen(kw_only=True)
class Ended:
    """How a container ended, in the engine's words.

    Args:
        code: Its exit code.
        out_of_memory: Whether the engine saw the kernel kill it for its memory.
        error: What went wrong for the engine itself.
        created: When it was made.
    """

    code: int
    out_of_memory: bool = False
    error: str = ""
    created: str = ""


def find_engine(said: str | None) -> str:
    """Return the engine that a target means: what it says, else what is found, Podman first.

    Raises:
        BackendError: When there is none.
    """
    wanted = ("podman", "docker") if said is None else (said,)
    for name in wanted:
        if shutil.which(name):
            return name
    raise BackendError(
        f"{' and '.join(wanted)} can't be found on this machine",
        hint="install Podman or Docker, or name one with the target's `engine`",
    )


@frozen(kw_only=True)
class Client:
    """An engine on this machine.

    Args:
        engine: Its program.
    """

    engine: str

    def ask(self, *words: str, seconds: float | None = _PATIENCE, cwd: Path | None = None) -> str:
        """Return what the engine prints.

        Args:
            words: The command.
            seconds: How long it may take; None for as long as it must.
            cwd: Where it is run: Podman's monitor of a container leaves a file there, named
                `oom`, when the kernel kills a process of its for memory.

        Raises:
            BackendError: When it refuses or can't be asked, in its own words.
        """
        done = self._run(words, seconds, cwd)
        if done.returncode != 0:
            raise BackendError(f"{Path(self.engine).name} {words[0]}: {_words(done)}")
        return done.stdout

    def tried(self, *words: str, seconds: float | None = _PATIENCE) -> str:
        """Return what the engine prints, also when it refuses a part of what it was asked.

        Raises:
            BackendError: When it can't be started, or does not answer.
        """
        return self._run(words, seconds).stdout

    def _run(
        self, words: Sequence[str], seconds: float | None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.engine, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=seconds,
                cwd=cwd,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BackendError(
                f"{Path(self.engine).name} {words[0]} does not answer within {seconds:g} s"
            ) from None
        except (OSError, ValueError) as error:
            raise BackendError(f"can't start {self.engine}: {error}") from error

    def containers(self) -> dict[str, Container]:
        """Return all containers of runs by name, in one call.

        Raises:
            BackendError: When the engine can't be asked.
        """
        form = "json" if "podman" in Path(self.engine).name else "{{json .}}"
        text = self.ask("ps", "--all", "--no-trunc", f"--filter=label={LABEL}", f"--format={form}")
        return {each.name: each for each in _listed(text)}

    def ended(self, names: Iterable[str]) -> dict[str, Ended]:
        """Return how containers ended; those that are not there any more are left out."""
        found = {}
        for some in _chunks(names):
            for each in _objects(self.tried("container", "inspect", *some)):
                found[str(each.get("Name", "")).removeprefix("/")] = _ended(each)
        return found

    def last_words(self, name: str) -> str:
        """Return the last line that a container printed; empty where it can't be had."""
        done = self._run(["logs", "--tail=3", name], _PATIENCE)
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return lines[-1] if lines and done.returncode == 0 else ""

    def remove(self, names: Iterable[str]) -> None:
        """Remove containers that have ended, with what they alone had; one that runs stays.

        What can't be removed now is left for the next time.
        """
        for some in _chunks(names):
            self.tried("rm", "--volumes", *some)

    def stop(self, names: Iterable[str], seconds: int) -> None:
        """End containers: TERM to each, and KILL after `seconds`."""
        for some in _chunks(names):
            self.tried("stop", "-t", str(seconds), *some, seconds=None)  # its long name differs


def _words(done: subprocess.CompletedProcess[str]) -> str:
    """Return an engine's complaint: its last lines, without its own progress."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("time=", "Trying to pull"))] or lines
    return "; ".join(said[-3:]).removeprefix("Error: ") or f"exit code {done.returncode}"


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    every = list(names)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]


def _objects(text: str) -> list[Mapping[str, Json]]:
    """Read a list of objects, or one on each line."""
    try:
        stripped = text.strip()
        if stripped.startswith("["):
            values = json.loads(stripped)
        else:
            values = [json.loads(line) for line in stripped.splitlines() if line.strip()]
    except ValueError as error:
        raise BackendError(f"the container engine's answer can't be read: {error}") from error
    return [value for value in values if isinstance(value, dict)]


def _listed(text: str) -> Iterator[Container]:
    for each in _objects(text):
        names = each.get("Names")
        for name in names if isinstance(names, list) else str(names).split(","):
            match = _NAME.fullmatch(name)
            if match is not None:
                attempt, state = int(match["attempt"]), str(each.get("State", "")).lower()
                yield Container(name=name, run=match["run"], attempt=attempt, state=state)


def _ended(inspected: Mapping[str, Json]) -> Ended:
    state = inspected.get("State")
    state = state if isinstance(state, dict) else {}
    code = state.get("ExitCode")
    return Ended(
        code=code if isinstance(code, int) else -1,
        out_of_memory=state.get("OOMKilled") is True,
        error=str(state.get("Error") or ""),
        created=str(inspected.get("Created") or ""),
    )
