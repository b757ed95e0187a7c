"""A run in this terminal: the same job.sh, with the terminal's stdin, teed to its log.

The run is a session of its own here too, so that status and cancel from another shell
treat it like any other; a terminal of its own (a pty) keeps progress bars, debuggers and
Ctrl-C as they are without confjob.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from confjob.errors import BackendError
from confjob.model import Engine, Held, Holding, Submission
from confjob.process import ProcessId, bare_environment
from confjob.store import RunFolder
from confjob.submit.pump import Routes, pump, write
from confjob.submit.refusal import record_refusal

__all__ = ["foreground"]

#: Opening the terminal by name makes it the session's own; inheriting it would not.
_IN_TERMINAL = 'exec /bin/sh "$1" <>"$0" >&0 2>&0'

_CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_Shell = tuple["subprocess.Popen[bytes]", Routes]


def foreground(submission: Submission, engine: Engine) -> int:
    """Run job.sh here and return the exit code of the command.

    Ctrl-C reaches the job where there is a terminal; without one it cancels the run, as
    TERM and HUP always do. To be called from the main thread.

    Args:
        submission: A complete run folder.
        engine: The engine of this machine; it ends the run when it is cancelled, and gives it
            the GPUs that it declares.

    Raises:
        BackendError: When they can't be had now; the run is recorded as failed.
    """
    sys.stdout.flush()
    folder = RunFolder(id=submission.run, path=submission.run_dir)
    folder.record_launch()
    start = _in_terminal if os.isatty(0) and os.isatty(1) else _in_pipes
    with (
        _noted_signals() as noted,
        _held(submission, engine, folder) as held,
        folder.log.open("ab", buffering=0) as log,
        start(folder, log, held) as (shell, routes),
    ):
        leader = ProcessId.of(shell.pid)
        held.started(leader)
        folder.record_handle(str(leader))
        pump(shell, routes, _canceller(folder, engine, str(leader), noted))
        code = shell.wait()
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _held(submission: Submission, engine: Engine, folder: RunFolder) -> Iterator[Held]:
    """Hold what the run needs of this machine, where its engine gives such things."""
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(engine.hold(submission)) if isinstance(engine, Holding) else Held()
        except BackendError as error:
            record_refusal(folder, error.message)
            raise
        yield held


@contextlib.contextmanager
def _in_pipes(folder: RunFolder, log: BinaryIO, held: Held) -> Iterator[_Shell]:
    # Only the terminal's own session can read from it, so a terminal's input is passed on.
    typed = os.isatty(0)
    argv = ["/bin/sh", str(folder.path / "job.sh")]
    with _popen(folder, argv, held, subprocess.PIPE if typed else None, subprocess.PIPE) as shell:
        out, err = (pipe.fileno() for pipe in (shell.stdout, shell.stderr) if pipe is not None)
        tee = partial(write, log.fileno())
        routes = {out: (partial(write, 1), tee), err: (partial(write, 2), tee)}
        typing = {} if shell.stdin is None else {0: (partial(write, shell.stdin.fileno()),)}
        yield shell, {**routes, **typing}


@contextlib.contextmanager
def _in_terminal(folder: RunFolder, log: BinaryIO, held: Held) -> Iterator[_Shell]:
    def tee(data: bytes) -> None:
        write(log.fileno(), data.replace(b"\r\n", b"\n"))  # the terminal added the returns

    with _terminal() as (ours, name):
        argv = ["/bin/sh", "-c", _IN_TERMINAL, name, str(folder.path / "job.sh")]
        with _popen(folder, argv, held, subprocess.DEVNULL, None) as shell, _raw(), _resizing(ours):
            yield shell, {ours: (partial(write, 1), tee), 0: (partial(write, ours),)}


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, str]]:
    """Make a terminal like this one; yields our side and the name of the other."""
    ours, theirs = os.openpty()
    try:
        termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(0))
        _copy_size(ours)
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)  # held until now: without any holder, reading would say it is over


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizing(terminal: int) -> Iterator[None]:
    before = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(terminal))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy_size(terminal: int) -> None:
    size = fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


@contextlib.contextmanager
def _noted_signals() -> Iterator[list[signal.Signals]]:
    """Note the signals that cancel, from before the run starts until after it ended."""
    noted: list[signal.Signals] = []

    def note(number: int, _frame: Any) -> None:
        noted.append(signal.Signals(number))

    before = {number: signal.signal(number, note) for number in _CANCELLING}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _canceller(
    folder: RunFolder, engine: Engine, handle: str, noted: list[signal.Signals]
) -> Callable[[], None]:
    """Return what cancels the run once, after a signal was noted."""

    def end() -> None:
        with contextlib.suppress(BackendError):  # status will say what came of it
            engine.cancel([handle])

    # In a thread: what the job prints while it ends must still be read.
    threads = [threading.Thread(target=end)]

    def tick() -> None:
        if noted and threads:
            folder.request_cancel("Ctrl-C" if noted[0] is signal.SIGINT else noted[0].name)
            threads.pop().start()

    return tick


def _popen(
    folder: RunFolder, argv: list[str], held: Held, stdin: int | None, output: int | None
) -> subprocess.Popen[bytes]:
    own = {"CONFJOB_FOREGROUND": "1", "CONFJOB_ATTEMPT": str(folder.attempt)}
    return subprocess.Popen(
        argv,
        cwd=folder.path,
        env={**bare_environment(), **held.environment, **own},
        stdin=stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=held.descriptors,
    )
