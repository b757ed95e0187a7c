"""The container engine: a container a run, started at once, known by its name and label.

The engine keeps no state. A container's name holds the run's id and the attempt's number, and
no engine has two of a name: so what `kill -9` interrupted is found again, and nothing runs twice.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from attrs import frozen

from confjob.plugin import (
    BackendError,
    Problem,
    State,
    Status,
    Submission,
    command_line,
    latest_attempt,
)
from confjob_container.client import Client, Container, Ended, find_engine
from confjob_container.command import MARGIN, container_name, run_argv
from confjob_container.endings import Place, first_attempt, keep, kept, status_of_end
from confjob_container.options import ContainerOptions

__all__ = ["ContainerEngine"]

#: Seconds after which a container that was made is not going to be started any more: whoever
#: made it was killed in between.
_ABANDONED = 120.0

_RUNNING = ("running", "up", "paused", "stopping", "restarting")
_MADE = ("created", "configured", "initialized")

_HANDLE = re.compile(
    r"(?P<engine>[^:]+):confjob-(?P<run>[^:/]+)-(?P<attempt>[0-9]+):(?P<run_dir>/.*)", re.DOTALL
)


@frozen(kw_only=True)
class ContainerEngine:
    """Runs in containers on this machine.

    Args:
        options: A target's options.
    """

    options: ContainerOptions

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return the commands that `submit` would run, for a shell: an option on each line."""
        engine = self.options.engine or _found()
        return "\n".join(_shown(run_argv(self.options, engine, item)) for item in submissions)

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Start a container for each run; yields each as soon as it runs.

        Raises:
            BackendError: Before any is started, when one asks for what can't be given; else in
                the engine's words, and those before it run.
        """
        if not submissions:
            return
        client = Client(engine=find_engine(self.options.engine))
        commands = [run_argv(self.options, client.engine, item) for item in submissions]
        for item, argv in zip(submissions, commands, strict=True):
            self._start(client, item, argv[1:])
            yield {item.run: _handle(client.engine, item.run, item.attempt, item.run_dir)}

    def _start(self, client: Client, item: Submission, argv: Sequence[str]) -> None:
        try:
            client.ask(*argv, seconds=None, cwd=item.run_dir)
        except BackendError as error:
            self._clear(client, container_name(item.run, item.attempt))
            raise BackendError(f"run {item.run}: {error.message}", hint=error.hint) from error

    @staticmethod
    def _clear(client: Client, name: str) -> None:
        """Remove the container of a command that failed after making it; a started one stays."""
        left = client.containers().get(name)
        if left is not None and left.state in _MADE:
            client.remove([name])

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return the handles of runs that have a container, or had one."""
        if not runs:
            return {}
        client = Client(engine=find_engine(self.options.engine))
        listed = client.containers()
        found = {}
        for run, run_dir in runs.items():
            first = first_attempt(run_dir, latest_attempt(run_dir))
            place = Place(engine=client.engine, run=run, attempt=first, run_dir=run_dir)
            if place.name in listed or kept(place) is not None:
                found[run] = _handle(client.engine, run, place.attempt, run_dir)
        return found

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return what is known of runs; an ended one's container is removed once that is written down."""
        told: dict[str, Status] = {}
        for engine, places in self._places(handles).items():
            told |= self._polled(Client(engine=engine), places)
        return told

    def _polled(self, client: Client, places: Mapping[str, Place]) -> dict[str, Status]:
        listed = client.containers()
        told, over = {}, {}
        for handle, place in places.items():
            container = listed.get(place.name)
            status = kept(place) if container is None else _live(container, place)
            if status is not None:
                told[handle] = status
            elif container is not None:
                over[handle] = place
        return told | self._closed(client, over, listed)

    @staticmethod
    def _closed(
        client: Client, over: Mapping[str, Place], listed: Mapping[str, Container]
    ) -> dict[str, Status]:
        """Return how runs ended; their containers go once that is written down."""
        ends = client.ended({place.name for place in over.values()}) if over else {}
        told, done = {}, set()
        for handle, place in over.items():
            ended = ends.get(place.name)
            # One that is gone was asked for by another process meanwhile, which wrote its end down.
            status = kept(place) if ended is None else _end(client, place, listed[place.name], ended)
            if status is None:
                continue
            told[handle] = status
            if status.state.final and keep(place, status):
                done.add(place.name)
        client.remove(done)
        return told

    def cancel(self, handles: Collection[str]) -> None:
        """End the runs: TERM to all of their processes, the grace, KILL.

        Raises:
            BackendError: Naming the containers that run on.
        """
        for engine, places in self._places(handles).items():
            client = Client(engine=engine)
            names = {place.name for place in places.values()}
            listed = client.containers()
            mine = {name: listed[name] for name in names if name in listed}
            client.remove(name for name, each in mine.items() if each.state in _MADE)
            client.stop(
                (name for name, each in mine.items() if each.state in _RUNNING),
                int(self.options.grace) + MARGIN,
            )
            listed = client.containers() if mine else {}
            left = sorted(name for name in mine if name in listed and listed[name].state in _RUNNING)
            if left:
                raise BackendError(f"{client.engine} could not end {', '.join(left)}")

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Do nothing: the run folder is where the run wrote."""

    def check(self) -> Iterable[Problem]:
        """Yield what keeps runs from starting here."""
        try:
            client = Client(engine=find_engine(self.options.engine))
            client.containers()
        except BackendError as error:
            yield Problem(code="no-engine", message=error.message, hint=error.hint)
            return
        yield from self._doubts_of_image(client)
        yield from _doubts_of_place(client.engine)

    def _doubts_of_image(self, client: Client) -> Iterator[Problem]:
        image, pull = self.options.image, self.options.pull
        try:
            client.ask("image", "inspect", "--format={{.Id}}", image)
        except BackendError:
            yield Problem(
                code="no-image",
                message=f"the image {image} is not on this machine",
                hint="pull or build it" if pull == "never" else "the first run will pull it",
                severity="error" if pull == "never" else "warning",
            )

    def _places(self, handles: Collection[str]) -> dict[str, dict[str, Place]]:
        """Return the containers that handles mean, by engine; others are left out.

        A handle comes from a file, so it may name no program but those of this backend.
        """
        known = {"podman", "docker", self.options.engine}
        places: dict[str, dict[str, Place]] = {}
        for handle in handles:
            match = _HANDLE.fullmatch(handle)
            if match is not None and match["engine"] in known:
                place = Place(
                    engine=match["engine"],
                    run=match["run"],
                    attempt=int(match["attempt"]),
                    run_dir=Path(match["run_dir"]),
                )
                places.setdefault(place.engine, {})[handle] = place
        return places


def _found() -> str:
    """Return the engine for a preview, which may be made where there is none."""
    try:
        return find_engine(None)
    except BackendError:
        return "podman"


def _shown(argv: Sequence[str]) -> str:
    options = [command_line([word]) for word in argv if word.startswith("--")]
    words = [
        word for word in argv if not word.startswith("--")
    ]  # the engine, run; the image and what follows
    return " \\\n  ".join([command_line(words[:2]), *options, command_line(words[2:])])


def _handle(engine: str, run: str, attempt: int, run_dir: Path) -> str:
    return f"{engine}:{container_name(run, attempt)}:{run_dir}"


def _live(container: Container, place: Place) -> Status | None:
    """Return how a container is that has not ended; None for one that has, or never began."""
    word = container.state.partition(" ")[0]
    if word == "removing":
        return Status(state=State.ENDING)
    if word not in _RUNNING:
        return None
    if place.waits:
        return Status(state=State.QUEUED, reason=f"attempt {place.last} is over; it is run again")
    return Status(state=State.RUNNING, reason="" if word in ("running", "up") else word)


def _end(client: Client, place: Place, container: Container, ended: Ended) -> Status:
    """Return how a run is whose container does not run."""
    started = (place.records / "start.json").exists()
    if container.state in _MADE and not started:
        if time.time() - _epoch(ended.created) < _ABANDONED:
            return Status(state=State.STARTING)
        why = "its container was made, but whoever was to start it is gone"
        return Status(state=State.FAILED, reason=f"never started: {why}")
    return status_of_end(place, ended, "" if started else client.last_words(place.name))


def _epoch(text: str) -> float:
    """Read an engine's time, which may have nanoseconds; now, where it can't be read."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)", text)
    if match is None:
        return time.time()
    zone = "+00:00" if match[3] == "Z" else match[3]
    return datetime.strptime(
        f"{match[1]} {match[2]} {zone.replace(':', '')}", "%Y-%m-%d %H:%M:%S %z"
    ).timestamp()


def _doubts_of_place(engine: str) -> Iterator[Problem]:
    """The engine must see this machine's folders."""
    variable = "CONTAINER_HOST" if "podman" in Path(engine).name else "DOCKER_HOST"
    place = os.environ.get(variable, "")
    if place and not place.startswith("unix://"):
        yield Problem(
            code="remote-engine",
            message=f"{variable} names an engine elsewhere ({place}), which does not see this machine's folders",
            hint="run confjob where the engine is",
        )
