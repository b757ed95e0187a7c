"""Starting job.sh so that it outlives whoever starts it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

__all__ = ["SHELL", "start_script"]

SHELL = "/bin/sh"

_INTERRUPTS = (signal.SIGINT, signal.SIGQUIT)


def start_script(
    run_dir: Path,
    environment: Mapping[str, str],
    *,
    descriptors: Collection[int] = (),
    umask: int = -1,
) -> subprocess.Popen[bytes]:
    """Start the run's job.sh as a session of its own, without a terminal.

    Args:
        run_dir: The run's folder.
        environment: What the script is started with.
        descriptors: Open files that all its processes shall hold.
        umask: The permissions that new files do not get; -1 for this process's own.

    Raises:
        OSError: When it can't be started.
    """
    # What sh itself complains about (a full disk) belongs where people look.
    with (run_dir / "output.log").open("ab") as log, _interruptible():
        return subprocess.Popen(
            [SHELL, str(run_dir / "job.sh")],
            cwd=run_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(descriptors),
            umask=umask,
        )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Give a child the usual SIGINT and SIGQUIT, which `confjob launch &` in a script ignores.

    A shell can't trap what was ignored when it started, nor could any command of the job.
    """
    main = threading.current_thread() is threading.main_thread()
    ignored = [number for number in _INTERRUPTS if main and signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
