"""What a run is as a job of Ray: a request, and the package with the run's files.

Whatever comes from people stands in the request as JSON, or in the entry point's shell line behind
confjob's `quote`. Environment values and secrets are in neither: they travel in the package.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from confjob.plugin import COURIER, BackendError, Json, Submission, command_line, pack, quote
from confjob_ray.options import RayOptions

__all__ = ["MARK", "job_id", "package_name", "package_of", "request_of", "shown"]

#: Begins the ids of our jobs in Ray.
PREFIX: Final = "confjob-"
#: The metadata by which a job is known to be a certain run's.
MARK: Final = "confjob"

_COURIER: Final = "courier.sh"
_PACK: Final = "run.tgz"
_HIDDEN: Final = "(hidden)"
#: Ray's dashboard takes no larger request.
_LARGEST: Final = 100 << 20


def job_id(run: str, attempt: int) -> str:
    """Return what an attempt of a run is called in Ray, so that it is submitted once only."""
    return f"{PREFIX}{run}-{attempt}"


def package_name(submission: Submission) -> str:
    """Return the name of the package with a run's files."""
    return f"_ray_pkg_{job_id(submission.run, submission.attempt)}.zip"


def package_of(submission: Submission) -> bytes:
    """Return the package: the courier, and the run packed as the courier takes it.

    Raises:
        BackendError: When it is larger than Ray takes.
    """
    packed = io.BytesIO()
    pack(submission, packed)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in ((_COURIER, COURIER.read_bytes()), (_PACK, packed.getvalue())):
            archive.writestr(zipfile.ZipInfo(name), content)
    size = package.tell()
    if size >= _LARGEST:
        raise BackendError(
            f"run {submission.run} packs to {size} bytes, and Ray takes fewer than {_LARGEST}",
            hint='keep large data out of the snapshot, or say files = "shared" where the cluster sees it',
        )
    return package.getvalue()


def request_of(submission: Submission, options: RayOptions) -> dict[str, Json]:
    """Return the request that submits a run.

    Raises:
        BackendError: When Ray can't give what the job asks for.
    """
    needs = submission.resources
    if (needs.nodes or 1) > 1:
        raise BackendError(
            f"run {submission.run}: nodes = {needs.nodes}, but a job of Ray starts on one node",
            hint="leave `nodes` out and let the job spread its work by Ray, or name another target",
        )
    if submission.links and options.files == "pack":
        raise BackendError(
            f"run {submission.run}: linked folders ({', '.join(submission.links)}) are not sent to a cluster",
            hint='say files = "shared" where the cluster sees them, or let the job fetch its data',
        )
    custom = dict(options.resources)
    if options.accelerator is not None:
        custom[f"accelerator_type:{options.accelerator}"] = 0.001  # as Ray's own clients ask for a type
    asked = {
        "entrypoint_num_cpus": needs.cpus,
        "entrypoint_num_gpus": needs.gpus,
        "entrypoint_memory": needs.memory,
        "entrypoint_resources": custom or None,
        "entrypoint_label_selector": dict(options.label_selector) or None,
    }
    return {
        "submission_id": job_id(submission.run, submission.attempt),
        "entrypoint": entry_point(submission, options),
        "runtime_env": _runtime_env(submission, options),
        "metadata": _metadata(submission, options),
        **{name: value for name, value in asked.items() if value is not None},
    }


def shown(request: Mapping[str, Any]) -> dict[str, Json]:
    """Return a request as people may see it: without the values of variables."""
    environment = dict(request["runtime_env"])
    if "env_vars" in environment:
        environment["env_vars"] = dict.fromkeys(environment["env_vars"], _HIDDEN)
    return {**request, "runtime_env": environment}


def entry_point(submission: Submission, options: RayOptions) -> str:
    """Return the shell line that Ray runs: a courier, told what it should do."""
    packed = options.files == "pack"
    state = options.state if packed else str(submission.run_dir.parent.parent)
    courier = _COURIER if packed else str(submission.run_dir / _COURIER)
    settings = {
        "CONFJOB_ATTEMPT": submission.attempt,
        "CONFJOB_GRACE": math.ceil(options.grace),
        "CONFJOB_TIME": submission.resources.time or 0,
        "CONFJOB_SYNC": math.ceil(options.sync),
        "CONFJOB_OUTPUTS_LIMIT": options.outputs_limit,
        "CONFJOB_TIDY": int(packed and not options.keep),
        "CONFJOB_FRAMES": int(packed),
        "CONFJOB_TEXT": 1,  # Ray reads logs as text, and fails on anything else
    }
    assigned = [f"{name}={value}" for name, value in settings.items()]
    line = command_line(
        ["env", *assigned, "sh", courier, state, submission.run, *([_PACK] if packed else [])]
    )
    return f"{_owned(state)}exec {line}" if packed else f"exec {line}"


def _owned(state: str) -> str:
    """Return shell text that refuses a folder of somebody else's, who could read all in it."""
    place = quote(state)
    said = quote(f"confjob: {state} belongs to somebody else; let `state` name another folder")
    return f"if [ -e {place} ] && [ ! -O {place} ]; then echo {said}; exit 125; fi; "


def _runtime_env(submission: Submission, options: RayOptions) -> dict[str, Json]:
    own = {"working_dir": f"gcs://{package_name(submission)}"} if options.files == "pack" else {}
    return {**options.runtime_env, **own}


def _metadata(submission: Submission, options: RayOptions) -> dict[str, str]:
    names = {
        MARK: submission.run,
        "confjob_place": place_of(submission),
        "job_name": submission.job,
        "confjob_project": submission.project,
        "confjob_author": submission.author,
    }
    return {name: _text(value) for name, value in {**options.metadata, **names}.items() if value}


def place_of(submission: Submission) -> str:
    """Return what tells a run from another one with the same id, in another project."""
    return hashlib.sha256(os.fsencode(submission.run_dir)).hexdigest()[:16]


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
