"""GPUs for a run in somebody's terminal: it does not wait in the queue, so it gets them now or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from confjob.builtin.local.queue import devices
from confjob.builtin.local.queue.entering import Limits
from confjob.builtin.local.queue.schedule import Holder
from confjob.builtin.local.queue.slots import Slot, taken
from confjob.builtin.local.trees import Tree, end
from confjob.plugin import BackendError, Held, ProcessId, Submission

__all__ = ["held"]

#: Seconds to try: whoever looks who has a GPU locks it for a moment.
_PATIENCE: Final = 1.0
_PAUSE: Final = 0.05


@contextmanager
def held(item: Submission, limits: Limits) -> Iterator[Held]:
    """Hold the GPUs that a run declares while the block lasts; what it leaves on them is ended then.

    Raises:
        BackendError: Naming who has the GPUs, when there are not enough free ones.
    """
    count = item.resources.gpus or 0
    if not count:
        yield Held()
        return
    slots, leaders = _slots(item, limits, count), list[ProcessId]()

    def started(leader: ProcessId) -> None:
        for slot in slots:
            slot.note(item.run, str(item.run_dir), leader)
        leaders.append(leader)

    try:
        yield Held(
            environment=devices.variables([slot.name for slot in slots]),
            descriptors=tuple(slot.descriptor for slot in slots),
            started=started,
        )
    finally:
        if leaders:
            end([Tree(leader=leaders[0], run_dir=str(item.run_dir))], limits.grace)
        for slot in slots:
            slot.release()


def _slots(item: Submission, limits: Limits, count: int) -> list[Slot]:
    names = devices.named(limits.slots)
    until = time.monotonic() + _PATIENCE
    while True:
        slots, holders = _tried(names, count)
        if len(slots) == count:
            return slots
        for slot in slots:
            slot.release()
        if time.monotonic() >= until or len(names) < count:
            raise _refusal(item, count, len(names), holders)
        time.sleep(_PAUSE)


def _tried(names: Sequence[str], count: int) -> tuple[list[Slot], dict[str, Holder]]:
    slots, holders = list[Slot](), dict[str, Holder]()
    for name in names:
        if len(slots) < count:
            found = taken(name)
            if isinstance(found, Slot):
                slots.append(found)
            else:
                holders[name] = found
    return slots, holders


def _refusal(item: Submission, count: int, there: int, holders: dict[str, Holder]) -> BackendError:
    has = "; ".join(f"GPU {name} is held by {holder}" for name, holder in holders.items())
    needs = f"run {item.run} needs {count} GPU{'' if count == 1 else 's'}"
    if there < count:
        return BackendError(
            f"{needs}, and {there} can be used here",
            hint="slots of the target says which GPUs there are",
        )
    return BackendError(f"{needs} now: {has}", hint="without --fg it waits for them in the queue")
