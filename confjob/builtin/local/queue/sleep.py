"""How the agent sleeps: until the bell is rung, a run has ended, a signal comes, or time is up."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import define

from confjob.builtin.local.queue.door import listening

__all__ = ["Sleep", "sleeping"]


@define(kw_only=True)
class Sleep:
    """What wakes the agent.

    Args:
        bell: Can be read once somebody has rung.
        ends: Can be read once a child has ended, or a signal came.
        told_to_stop: Whether TERM or INT has come.
    """

    bell: int
    ends: int
    told_to_stop: bool = False

    def until_woken(self, watches: Iterable[int], seconds: float) -> list[str]:
        """Sleep for so long, or until something can be read.

        Returns:
            The run folders that somebody has rung for; an empty name is for all of them.
        """
        poll = select.poll()
        for descriptor in (self.bell, self.ends, *watches):
            poll.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(seconds * 1000 + 1)]
        if self.ends in ready:
            os.read(self.ends, 4096)
        return self._rung() if self.bell in ready else []

    def _rung(self) -> list[str]:
        text = b""
        with contextlib.suppress(BlockingIOError):
            while True:  # whoever writes writes whole lines
                text += os.read(self.bell, 65536)
        lines = dict.fromkeys(text.decode("ascii").splitlines())
        return [json.loads(line) if line else "" for line in lines]


@contextlib.contextmanager
def sleeping(folder: Path) -> Iterator[Sleep]:
    """Yield how to sleep; TERM and INT stop the agent meanwhile, and nothing else."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    with listening(folder) as bell:
        sleep = Sleep(bell=bell, ends=reader)

        def stop(*_: object) -> None:
            sleep.told_to_stop = True

        handlers = {signal.SIGCHLD: lambda *_: None, signal.SIGTERM: stop, signal.SIGINT: stop}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield sleep
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)
