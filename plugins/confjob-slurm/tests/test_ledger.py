"""What is written down of batches stays as long as one of their runs, and no longer."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from confjob_slurm.ledger import written
from confjob_slurm.options import SlurmOptions
from confjob_slurm.script import batches

from confjob.testing.jobs import Job, JobFolder


def write(jobs: Sequence[Job]) -> Path:
    """Write down a batch of runs, as a launch does; returns its folder."""
    [batch] = batches([job.submission for job in jobs], SlurmOptions(), 1000)
    with written(batch) as (entry, _):
        entry.accept("7")
    return entry.folder


def test_a_batch_goes_with_the_last_of_its_runs(jobs: JobFolder) -> None:
    gone, kept = [jobs.echo(), jobs.echo()], [jobs.echo(), jobs.echo()]
    of_gone, of_kept = write(gone), write(kept)
    for job in (*gone, kept[0]):
        shutil.rmtree(job.folder.path)
    new = write([jobs.echo()])
    assert not of_gone.exists()
    assert of_kept.exists(), "one of its runs is there"
    assert new.exists()
