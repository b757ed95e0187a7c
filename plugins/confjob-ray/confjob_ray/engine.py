"""The engine: runs as jobs of Ray, each with an id by which it is submitted once only.

The engine keeps no state. A job's id in Ray says which attempt of which run it is, so after any
`kill -9` one listing of the jobs tells what was accepted; Ray refuses a second job with an id.
A handle is that id and the run's folder, in which one thing is noted that Ray does not tell: that
a job which waits has been stopped, and is only kept in the queue until its turn comes.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from confjob.plugin import (
    COURIER,
    BackendError,
    Problem,
    State,
    Status,
    Submission,
    latest_attempt,
    receive,
    write_record,
)
from confjob_ray.api import Api, RefusedError
from confjob_ray.options import RayOptions
from confjob_ray.request import MARK, job_id, package_name, package_of, place_of, request_of, shown
from confjob_ray.words import status_of

__all__ = ["RayEngine"]

#: The version of Ray's API for jobs that this was written for.
_VERSION = "4"


@frozen(kw_only=True)
class RayEngine:
    """Runs on a Ray cluster.

    Args:
        options: The target's.
    """

    options: RayOptions

    @property
    def api(self) -> Api:
        """The cluster's API."""
        file = self.options.headers_file
        return Api(
            address=self.options.address,
            headers_file=None if file is None else Path(file).expanduser(),
            timeout=self.options.timeout,
        )

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return the requests, without the values of variables."""
        requests = [shown(request_of(item, self.options)) for item in submissions]
        return "\n".join(json.dumps(request, indent=2, ensure_ascii=False) for request in requests)

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Submit the runs, one after the other; yields each as soon as Ray has accepted it.

        Raises:
            BackendError: Ray's refusal, or a run that it can't give what it asks for; then none
                is submitted.
        """
        requests = [request_of(item, self.options) for item in submissions]
        for submission, request in zip(submissions, requests, strict=True):
            if self.options.files == "pack":
                self.api.upload(package_name(submission), package_of(submission))
            else:
                _leave_courier(submission)
            self._submit(submission, request)
            yield {submission.run: handle_of(submission.run, submission.attempt, submission.run_dir)}

    def _submit(self, submission: Submission, request: Mapping[str, object]) -> None:
        try:
            self.api.submit(request)
        except RefusedError:
            # An answer may have been lost on its way, and this the second time.
            known = self.api.job(str(request["submission_id"]))
            metadata = (known or {}).get("metadata") or {}
            if (metadata.get(MARK), metadata.get("confjob_place")) != (submission.run, place_of(submission)):
                raise

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return the handles of runs that Ray has accepted."""
        wanted = {run: handle_of(run, latest_attempt(path), path) for run, path in runs.items()}
        known = {job.get("submission_id") for job in self.api.jobs()[0]} if wanted else set()
        return {run: handle for run, handle in wanted.items() if _name(handle) in known}

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return what Ray says of runs, by one listing of its jobs."""
        if not handles:
            return {}
        listed, now = self.api.jobs()
        jobs = {str(job.get("submission_id")): job for job in listed if job.get("submission_id")}
        known = {handle: jobs[_name(handle)] for handle in handles if _name(handle) in jobs}
        told = {handle: status_of(job, self.options.grace, now) for handle, job in known.items()}
        return {handle: _noted(handle, status) for handle, status in told.items() if status is not None}

    def cancel(self, handles: Collection[str]) -> None:
        """Ask Ray to stop the runs; their couriers give each its grace and end what is left.

        Raises:
            BackendError: Naming the first that can't be stopped; the others are.
        """
        failure: BackendError | None = None
        for handle in handles:
            try:
                if handle and self.api.stop(_name(handle)):
                    _note_stop(handle)
            except BackendError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Bring what a packed run printed and made so far.

        Raises:
            BackendError: When Ray can't give it, as of a node that is gone.
        """
        if self.options.files == "pack" and handle:
            receive([self.api.logs(_name(handle))], run_dir, limit=self.options.outputs_limit)

    def check(self) -> Iterable[Problem]:
        """Yield what keeps jobs from being submitted."""
        try:
            version = str(self.api.version().get("version"))
        except BackendError as error:
            yield Problem(code="no-ray", message=error.message, hint=error.hint)
            return
        if version != _VERSION:
            yield Problem(
                code="other-ray",
                message=f"Ray at {self.options.address} speaks version {version} of its API, and not {_VERSION}",
                hint="what is asked here has stayed the same so far",
                severity="warning",
            )


def handle_of(run: str, attempt: int, run_dir: Path) -> str:
    """Return the handle of an attempt of a run."""
    return f"{job_id(run, attempt)}:{run_dir}"


def _name(handle: str) -> str:
    return handle.partition(":")[0]


def _note(handle: str) -> Path:
    """Return where it is noted that Ray took the request to stop an attempt."""
    name, _, run_dir = handle.partition(":")
    return Path(run_dir) / "attempts" / name.rpartition("-")[2] / "ray-stop.json"


def _note_stop(handle: str) -> None:
    note = _note(handle)
    if note.parent.is_dir():
        with contextlib.suppress(OSError):  # then it is told once its turn has come
            write_record(note, {"at": time.time()})


def _noted(handle: str, status: Status) -> Status:
    """Return a status in the light of what is noted here."""
    if status.state is State.QUEUED and _note(handle).exists():
        return Status(state=State.CANCELLED, reason="stopped through Ray, which keeps it until its turn")
    return status


def _leave_courier(submission: Submission) -> None:
    """Put the courier where the job's node sees it, as it sees the run folder."""
    try:
        (submission.run_dir / COURIER.name).write_bytes(COURIER.read_bytes())
    except OSError as error:
        raise BackendError(f"run {submission.run}: its folder can't be written: {error.strerror}") from error
