"""Slurm's own commands, called so that nothing but their arguments decides what they do.

Each of them reads dozens of variables (`SBATCH_PARTITION` wins over a script's own directive,
`SQUEUE_FORMAT` changes what is printed), and inside a job there are more of them. So they get
none but those that say which cluster is meant. A controller that does not answer is left alone
for a while, longer each time: hundreds of clients that ask again at once are what keeps it down.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from attrs import define

from confjob.plugin import BackendError

__all__ = ["Config", "act", "ask", "chunks", "config", "environment", "unreachable"]

_OF_SLURM = ("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_", "SINFO_", "SRUN_")
_WHICH_CLUSTER = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_KEY", "SLURM_SACK_JWKS")

#: After this a controller counts as one that does not answer.
_PATIENCE = 60.0

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0

#: Of an argument list; the system's limit is 128 KiB for one argument.
_LONGEST = 100_000

_NO_ANSWER = (
    *("unable to contact", "timed out", "connect failure", "connection refused", "zero bytes"),
    *("communication connection failure", "missing socket", "transport endpoint", "did not answer"),
    *("message send failure", "message receive failure", "temporarily unable", "slurm_persist_conn"),
)


def environment() -> dict[str, str]:
    """Return what Slurm's commands are started with."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _WHICH_CLUSTER or not name.startswith(_OF_SLURM)
    }
    return {**kept, "LC_ALL": "C", "SLURM_TIME_FORMAT": "standard"}


def unreachable(words: str) -> bool:
    """Whether a command's words say that the controller gave no answer, so that nobody knows."""
    lowered = words.lower()
    return any(each in lowered for each in _NO_ANSWER)


def act(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    keep: Collection[int] = (),
    patience: float = _PATIENCE,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever that is.

    Args:
        argv: The command.
        cwd: Where it runs.
        keep: Open files that it shall hold.
        patience: After how many seconds it is killed, as one that was not answered.

    Raises:
        BackendError: When there is no such command.
    """
    try:
        return subprocess.run(
            list(argv),
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=patience,
            pass_fds=tuple(keep),
        )
    except FileNotFoundError as error:
        raise BackendError(f"{argv[0]} is not on the PATH", hint="submit from a login node") from error
    except subprocess.TimeoutExpired:
        words = f"{argv[0]}: error: Slurm did not answer in {patience:.0f} s"
        return subprocess.CompletedProcess(list(argv), 1, "", words)


@define(kw_only=True)
class _Quiet:
    """For how long a controller that does not answer is left alone."""

    until: float = 0.0
    pause: float = 0.0
    words: str = ""

    def failed(self, words: str) -> None:
        self.pause = min(self.pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
        self.until, self.words = time.monotonic() + self.pause, words

    def answered(self) -> None:
        self.until = self.pause = 0.0


#: By the configuration that names the controller; a command line has one, a web page may have more.
_QUIET: dict[str, _Quiet] = {}


def ask(argv: Sequence[str], *, patience: float = _PATIENCE) -> str:
    """Return what a command prints that changes nothing.

    Raises:
        BackendError: In Slurm's own words. While the controller does not answer it is not asked
            again at once: the words are then the last ones.
    """
    quiet = _QUIET.setdefault(os.environ.get("SLURM_CONF", ""), _Quiet())
    left = quiet.until - time.monotonic()
    if left > 0:
        raise BackendError(quiet.words, hint=f"asked again in {left:.0f} s at the earliest")
    done = act(argv, patience=patience)
    words = said(done)
    if done.returncode == 0:
        quiet.answered()
        return done.stdout
    if unreachable(words):
        quiet.failed(words)
    raise BackendError(words)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return why a command failed, in its own words."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    words = "; ".join(lines[-5:]) or f"exit code {done.returncode}"
    command = Path(done.args[0]).name
    return words if words.startswith(command) else f"{command}: {words}"


def chunks(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield words in parts that a command line can carry, joined by commas or as they are."""
    start = size = 0
    for index, word in enumerate(words):
        size += len(word) + 1
        if size > _LONGEST:
            yield words[start:index]
            start, size = index, len(word) + 1
    if words[start:]:
        yield words[start:]


class Config(Mapping[str, str]):
    """What `scontrol show config` says; what is not said is empty."""

    def __init__(self, text: str) -> None:
        pairs = (line.partition("=") for line in text.splitlines())
        self._said = {name.strip(): value.strip() for name, equals, value in pairs if equals}

    def __getitem__(self, name: str) -> str:
        return self._said.get(name, "")

    def __iter__(self) -> Iterator[str]:
        return iter(self._said)

    def __len__(self) -> int:
        return len(self._said)

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self["ClusterName"]

    @property
    def most_in_array(self) -> int:
        """How many tasks one array may have; 1 where there are no arrays."""
        limits = [int(self["MaxArraySize"])] if self["MaxArraySize"].isdigit() else []
        for parameter in self["SchedulerParameters"].split(","):
            name, _, value = parameter.partition("=")
            if name.strip() == "max_array_tasks" and value.isdigit():
                limits.append(int(value))
        return max(min(limits, default=1), 1)

    @property
    def accounting(self) -> bool:
        """Whether there is an `sacct` to be asked."""
        return self["AccountingStorageType"].rpartition("/")[2] not in ("", "none", "(null)")

    @property
    def shows_all(self) -> bool:
        """Whether everybody sees everybody's jobs, so that one which is not seen is not there."""
        return "jobs" not in self["PrivateData"].split(",")


def config() -> Config:
    """Return the cluster's configuration, asked for once.

    Raises:
        BackendError: When the controller does not answer.
    """
    return _config(os.environ.get("SLURM_CONF", ""))


@lru_cache(maxsize=8)
def _config(_: str) -> Config:
    return Config(ask(["scontrol", "show", "config"]))
