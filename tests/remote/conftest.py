"""What couriers are tried with: every shell that a machine may call `sh`, and jobs to run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from attrs import frozen

from confjob.remote import COURIER, receive
from confjob.testing.jobs import Job, JobFolder


@frozen(kw_only=True)
class There:
    """A machine of its own kind, with a state folder."""

    jobs: JobFolder
    programs: str
    got: Path

    def start(self, job: Job, packs: tuple[Path, ...] = (), state: Path | None = None, **variables: str):
        """Start a courier for a job."""
        given = {
            "PATH": self.programs,
            **{f"CONFJOB_{key.upper()}": value for key, value in variables.items()},
        }
        shell = shutil.which("sh", path=self.programs)
        argv = [shell, str(COURIER), str(state or self.jobs.state), job.run, *map(str, packs)]
        return subprocess.Popen(argv, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, job: Job, **variables: str) -> tuple[int, bytes]:
        """Run a job to its end; returns the exit code and what the courier printed."""
        with self.start(job, **variables) as courier:
            printed, errors = courier.communicate(timeout=60)
        assert errors == b""
        return courier.returncode, printed

    def received(self, printed: bytes) -> Path:
        """Return an otherwise empty run folder with all that was printed."""
        self.got.mkdir(exist_ok=True)
        receive([printed], self.got)
        return self.got


@pytest.fixture(params=["dash", "bash", "busybox"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> There:
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"there is no {request.param} here")
    programs = tmp_path / "programs"
    programs.mkdir()
    listed = subprocess.run([found, "--list"], capture_output=True, text=True, check=False).stdout.split()
    for name in listed if request.param == "busybox" else ["sh"]:
        (programs / name).symlink_to(found)
    path = [str(programs), *([] if request.param == "busybox" else os.environ["PATH"].split(os.pathsep))]
    state = tmp_path / 'it\'s $(touch pwned) "ü"' / "state"
    return There(jobs=JobFolder(state=state), programs=os.pathsep.join(path), got=tmp_path / "got")
