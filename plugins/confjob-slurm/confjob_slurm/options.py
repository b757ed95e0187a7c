"""What a target of this backend may say: sbatch's own options, by their own names.

What confjob itself decides (`array`, `comment`, `export`, `job-name`, `output`, `wrap`, …) is not
among them, nor what a job's resources say (`cpus-per-task`, `mem`, `nodes`, `time`): said twice,
one of the two would be a lie. No value may hold a line break or another control character, for a
directive is a line of a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from attrs import Attribute, field, fields, frozen

__all__ = ["Directives", "SlurmOptions"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

#: Of the script's line, which sbatch reads into a buffer of 8 KiB.
_LONGEST = 4000


def _key(attribute: Attribute[Any]) -> str:
    return attribute.name.replace("_", "-")


def _is_line(_: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        return
    if not value or _CONTROL.search(value):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: it must not be empty, or hold a line break")
    if len(value.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise ValueError(f"{_key(attribute)} is longer than {_LONGEST} bytes")


def _is_positive(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"{_key(attribute)} can't be {value}: it must be more than 0")


def _is_type(instance: object, attribute: Attribute[Any], value: str | None) -> None:
    _is_line(instance, attribute, value)
    if value is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise ValueError(f"gpu-type can't be {value!r}: say it as `sinfo --format=%G` does, without commas")


def _value() -> Any:
    return field(default=None, validator=_is_line)


@frozen(kw_only=True)
class Directives:
    """Further options of sbatch, under their own long names; `true` says one without a value."""

    acctg_freq: str | int | None = _value()
    bb: str | None = _value()
    bbf: str | None = _value()
    begin: str | None = _value()
    cluster_constraint: str | None = _value()
    container: str | None = _value()
    contiguous: bool | None = _value()
    core_spec: int | None = _value()
    cores_per_socket: int | str | None = _value()
    cpu_freq: str | int | None = _value()
    cpus_per_gpu: int | None = _value()
    deadline: str | None = _value()
    delay_boot: str | int | None = _value()
    dependency: str | None = _value()
    distribution: str | None = _value()
    extra_node_info: str | None = _value()
    gpu_bind: str | None = _value()
    gpu_freq: str | None = _value()
    gres: str | None = _value()
    gres_flags: str | None = _value()
    hint: str | None = _value()
    kill_on_invalid_dep: str | None = _value()
    licenses: str | None = _value()
    mcs_label: str | None = _value()
    mem_bind: str | None = _value()
    mem_per_cpu: str | int | None = _value()
    mem_per_gpu: str | int | None = _value()
    mincpus: int | None = _value()
    network: str | None = _value()
    nice: int | bool | None = _value()
    no_kill: bool | str | None = _value()
    nodefile: str | None = _value()
    oversubscribe: bool | None = _value()
    overcommit: bool | None = _value()
    power: str | None = _value()
    prefer: str | None = _value()
    priority: int | str | None = _value()
    profile: str | None = _value()
    propagate: str | bool | None = _value()
    reboot: bool | None = _value()
    sockets_per_node: int | str | None = _value()
    spread_job: bool | None = _value()
    switches: str | int | None = _value()
    thread_spec: int | None = _value()
    threads_per_core: int | None = _value()
    time_min: str | int | None = _value()
    tmp: str | int | None = _value()
    tres_per_task: str | None = _value()
    use_min_nodes: bool | None = _value()
    wait_all_nodes: int | None = _value()
    wckey: str | None = _value()

    def said(self) -> Iterator[tuple[str, str | None]]:
        """Yield name and value of what is asked for; None for an option without a value."""
        yield from _said(self, (each.name for each in fields(Directives)))


_PASSED = (
    *("partition", "account", "qos", "constraint", "reservation", "nodelist", "exclude"),
    *("exclusive", "hold", "mail_type", "mail_user", "signal"),
)


@frozen(kw_only=True)
class SlurmOptions:
    """The keys of a target with `backend = "slurm"`.

    Args:
        partition: Where the jobs go; several by commas.
        account: Whom they are charged to.
        qos: Their quality of service.
        constraint: Features that their nodes must have.
        reservation: The reservation that they use.
        nodelist: Nodes that they must have.
        exclude: Nodes that they must not have.
        gpu_type: The type of the GPUs that a job's `gpus` counts, as the site calls it.
        array_parallel: How many runs of one array may run at once.
        max_array: The most runs in one array; default: the cluster's MaxArraySize.
        grace: Seconds between asking a run to end and ending it by force.
        requeue: Whether Slurm may run a job again after a node failed or a preemption, which
            is another attempt of the run; default: as the cluster is set.
        exclusive: Whether a job has its nodes alone; or `user`, `mcs`.
        hold: Submit held: nothing starts before `scontrol release`.
        mail_type: When mail is sent: `END,FAIL`.
        mail_user: To whom.
        signal: A signal before the time limit, as `--signal` has it: `TERM@120`.
        options: Further options of sbatch, under their own names.
    """

    partition: str | None = _value()
    account: str | None = _value()
    qos: str | None = _value()
    constraint: str | None = _value()
    reservation: str | None = _value()
    nodelist: str | None = _value()
    exclude: str | None = _value()
    gpu_type: str | None = field(default=None, validator=_is_type)
    array_parallel: int | None = field(default=None, validator=_is_positive)
    max_array: int | None = field(default=None, validator=_is_positive)
    grace: float = field(default=10.0, validator=_is_positive)
    requeue: bool | None = None
    exclusive: bool | str | None = _value()
    hold: bool | None = None
    mail_type: str | None = _value()
    mail_user: str | None = _value()
    signal: str | None = _value()
    options: Directives = Directives()

    def said(self) -> Iterator[tuple[str, str | None]]:
        """Yield name and value of what sbatch is told; None for an option without a value."""
        yield from _said(self, _PASSED)
        if self.requeue is not None:
            yield "requeue" if self.requeue else "no-requeue", None
        yield from self.options.said()


def _said(record: object, names: Iterator[str] | tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    for name in names:
        value = getattr(record, name)
        if value is not None and value is not False:
            yield name.replace("_", "-"), None if value is True else str(value)
