"""What the tests share: a cluster of this machine's own, started where none is there, and run folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from confjob_slurm import commands

from confjob.testing.jobs import JobFolder

pytest_plugins = ["confjob.testing.plugin"]

_SCRIPTS = Path(__file__).parents[3] / "tests" / "engines" / "slurm"
_HOSTILE_FOLDER = "it's $(touch pwned) 'a' \"ü\" & 100 \\ more"


@frozen(kw_only=True)
class Cluster:
    """A cluster that the tests may do anything with.

    Args:
        folder: Where its files are.
    """

    folder: Path

    def stop_controller(self) -> None:
        """End slurmctld, and wait for it."""
        pid = int((self.folder / "slurmctld.pid").read_text())
        subprocess.run(["kill", str(pid)], check=True)
        while Path(f"/proc/{pid}").exists():
            subprocess.run(["sleep", "0.1"], check=True)

    def start_controller(self) -> None:
        """Start slurmctld on what it saved."""
        # Elsewhere than in a test's folder, and without the pipes that its reader would wait for.
        subprocess.run(
            [
                shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin"),
                "-f",
                self.folder / "slurm.conf",
            ],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def scontrol(self, *words: str) -> str:
        """Return what scontrol prints."""
        return subprocess.run(["scontrol", *words], check=True, capture_output=True, text=True).stdout


def _answers() -> bool:
    if "SLURM_CONF" not in os.environ or shutil.which("sinfo") is None:
        return False
    return subprocess.run(["sinfo"], capture_output=True, check=False, timeout=60).returncode == 0


def _no(why: str) -> None:
    if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1":
        pytest.fail(f"no Slurm: {why}")
    pytest.skip(f"no Slurm: {why}")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of SLURM_CONF where it is one of `tests/engines/slurm/start`, else one of its own."""
    if _answers() and (Path(os.environ["SLURM_CONF"]).parent / "slurmctld.pid").exists():
        yield Cluster(folder=Path(os.environ["SLURM_CONF"]).parent)
        return
    start = _SCRIPTS / "start"
    if not start.exists():
        _no("SLURM_CONF names no test cluster, and tests/engines/slurm/start is not here")
    if shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        _no(f"no slurmctld; {_SCRIPTS / 'install'} installs it")
    folder = Path(tempfile.mkdtemp(prefix="confjob-slurm-"))
    log = folder / "start.err"
    try:
        # Its daemons keep what they inherit, so that no pipe may be among it.
        with log.open("wb") as errors:
            done = subprocess.run([start, folder], stdout=subprocess.DEVNULL, stderr=errors, check=False)
        if done.returncode:
            _no(log.read_text())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            yield Cluster(folder=folder)
    finally:
        subprocess.run([_SCRIPTS / "stop", folder], check=False, stdin=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    """No test knows what another asked."""
    commands._config.cache_clear()
    commands._QUIET.clear()


@pytest.fixture
def jobs(tmp_path: Path) -> JobFolder:
    """Where a test's runs are made, at a path that no shell would take."""
    return JobFolder(state=tmp_path / _HOSTILE_FOLDER / ".confjob")


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each call of a command of Slurm's, its name and first argument."""
    calls, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel", "scontrol", "sacct"):
        real = shutil.which(name)
        wrapper = folder / name
        wrapper.write_text(f'#!/bin/sh\necho "{name} $1" >>"{calls}"\nexec "{real}" "$@"\n')
        wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    calls.touch()
    return calls
