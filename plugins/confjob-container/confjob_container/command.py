"""The one command line that starts a run, from a target's options and a submission.

No value of the job's environment stands in it: those are in the run folder's own file, because
everyone on a machine can read the arguments of its processes. And no shell reads it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from confjob.plugin import BackendError, Resources, Submission
from confjob_container.mounts import Mount, project_of
from confjob_container.options import STATE, ContainerOptions

__all__ = ["LABEL", "MARGIN", "container_name", "is_podman", "run_argv"]

#: By which label the containers of runs are found; its value is the run's id.
LABEL = "confjob.run"

#: Seconds that the engine waits longer than the supervisor inside: for the end record.
MARGIN = 10

_SUPERVISOR = Path(__file__).with_name("supervise.sh")

#: A label is for people; a longer one is no use to them.
_LONGEST = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_podman(engine: str) -> bool:
    """Whether an engine takes Podman's own options."""
    return "podman" in Path(engine).name


def container_name(run: str, attempt: int) -> str:
    """Return what the container of an attempt is called: engines refuse a second of the name."""
    return f"confjob-{run}-{attempt}"


def run_argv(options: ContainerOptions, engine: str, submission: Submission) -> list[str]:
    """Return the command line that starts a run.

    Raises:
        BackendError: Naming what the engine can't give, or no command line can carry.
    """
    there = submission.there or PurePosixPath(submission.run_dir)
    name = container_name(submission.run, submission.attempt)
    argv = [
        *(engine, "run", "--detach", f"--name={name}", f"--pull={options.pull}", *_labels(submission)),
        *_seclusion(options, engine),
        *_resources(submission.resources),
        *_gpus(options, engine, submission.resources.gpus),
        *_permissions(options),
        *options.options.argv(),
        *(word for mount in _mounts(options, submission, there) for word in mount.argv()),
        *("--workdir=/", f"--stop-timeout={_patience(options)}", "--entrypoint=/bin/sh"),
        *(options.image, str(STATE / _SUPERVISOR.name), str(there), str(submission.attempt)),
        *(f"{options.grace:g}", str(submission.resources.time or ""), options.python),
        *(str(submission.retry.attempts), str(math.ceil(submission.retry.backoff)), *submission.retry.on),
    ]
    if any("\0" in word for word in argv):
        raise BackendError(f"run {submission.run}: a value holds a NUL character, which no command can carry")
    return argv


def _patience(options: ContainerOptions) -> int:
    return math.ceil(options.grace) + MARGIN


def _labels(submission: Submission) -> Iterator[str]:
    yield f"--label={LABEL}={submission.run}"
    yield f"--label=confjob.attempt={submission.attempt}"
    texts = {"job": submission.job, "project": submission.project, "author": submission.author}
    for name, text in texts.items():
        if text:
            yield f"--label=confjob.{name}={_CONTROL.sub(' ', text)[:_LONGEST]}"


def _seclusion(options: ContainerOptions, engine: str) -> Iterator[str]:
    """What the supervisor relies on, whatever the machine's defaults are, and who the job is."""
    userns = options.userns
    if is_podman(engine):
        # Its defaults may say otherwise: processes shared with the host, the caller's proxies.
        yield from ("--pid=private", "--http-proxy=false")
        userns = userns or ("keep-id" if os.geteuid() else None)
    if userns:
        yield f"--userns={userns}"
    yield f"--user={options.user or f'{os.geteuid()}:{os.getegid()}'}"


def _resources(resources: Resources) -> Iterator[str]:
    if (resources.nodes or 1) > 1:
        raise BackendError(
            f"a container runs on one machine, and not on {resources.nodes} nodes",
            hint="send it to a target with more machines, or set resources:nodes=1",
        )
    if resources.cpus is not None:
        yield f"--cpus={resources.cpus:g}"
    if resources.memory is not None:
        yield f"--memory={resources.memory}"
        yield f"--memory-swap={resources.memory}"  # both together: the same says no swap


def _gpus(options: ContainerOptions, engine: str, count: int | None) -> list[str]:
    """Return what gives a job its GPUs: `count` of the target's, or all of them where it does not say."""
    if count == 0:
        return ["--env=NVIDIA_VISIBLE_DEVICES=void"]  # else an image may ask for all by itself
    if count is None and options.gpus is None:
        return []
    if isinstance(options.gpus, list):
        given = [str(each) for each in options.gpus[:count]]
        if len(given) < (count or 0):
            raise BackendError(f"{count} GPUs are asked for, and the target has {len(given)}")
    else:
        given = ["all"] if count is None else [str(index) for index in range(count)]
    if is_podman(engine):
        return [f"--device=nvidia.com/gpu={each}" for each in given]
    # Docker reads the value as CSV, so that commas within need quotes.
    return ["--gpus=all"] if given == ["all"] else [f'--gpus="device={",".join(given)}"']


def _permissions(options: ContainerOptions) -> Iterator[str]:
    given = {
        "network": options.network,
        "ipc": options.ipc,
        "shm-size": options.shm_size,
        "privileged": "true" if options.privileged else None,
        "read-only": "true" if options.read_only else None,
    }
    yield from (f"--{name}={value}" for name, value in given.items() if value is not None)
    yield from (f"--cap-add={each}" for each in options.cap_add)
    yield from (f"--device={each}" for each in options.devices)
    yield from (f"--security-opt={each}" for each in options.security_opt)


def _mounts(options: ContainerOptions, submission: Submission, there: PurePosixPath) -> Iterator[Mount]:
    run_dir = submission.run_dir
    yield Mount(source=_SUPERVISOR, target=STATE / _SUPERVISOR.name, read_only=True)
    yield Mount(source=run_dir, target=there)
    if submission.tree is not None:
        target = os.path.normpath(there / os.path.relpath(submission.tree, run_dir))
        yield Mount(source=submission.tree, target=PurePosixPath(target), read_only=True)
    # A link in the workspace leads to the folder's path here, so there it is at the same.
    yield from (Mount(source=path, target=PurePosixPath(path)) for path in submission.links.values())
    project = project_of(submission) if options.mounts else None
    yield from (mount.below(project) for mount in options.extra_mounts)
