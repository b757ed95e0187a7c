"""What may take a while, told to whoever listens; by default nobody does.

The code that copies files or starts a framework knows how far it is, and must not know
whether there is a terminal. So it says so here, and a front end that wants to show it
listens. A library that printed by itself would spoil the notebook that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["Activity", "Listener", "counted", "doing", "listening"]

T = TypeVar("T")


class Activity:
    """Something that goes on. A plain class: every command line loads it, attrs costs more than it.

    Args:
        what: In words: `capturing the project`.
        total: How much there is to do, where that is known.
        unit: What is counted: `runs`, `bytes`.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "") -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.done = 0

    def advance(self, by: int = 1) -> None:
        """Say that more is done."""
        self.done += by


#: Is entered when an activity begins, and left when it is over, however it ends.
Listener = Callable[[Activity], AbstractContextManager[object]]

_listener: ContextVar[Listener | None] = ContextVar("confjob_progress", default=None)


@contextmanager
def doing(what: str, total: int | None = None, *, unit: str = "") -> Iterator[Activity]:
    """Tell the listener of an activity for as long as the block lasts.

    Example:
        >>> with doing("copying", total=2, unit="files") as copying:
        ...     copying.advance()
        >>> copying.done
        1
    """
    activity = Activity(what, total, unit)
    listener = _listener.get()
    if listener is None:
        yield activity
        return
    with listener(activity):
        yield activity


def counted(what: str, items: Iterable[T], total: int | None = None, *, unit: str = "") -> Iterator[T]:
    """Yield items, and tell the listener how many are done with.

    Example:
        >>> [run for run in counted("removing", ["a", "b"], 2, unit="runs")]
        ['a', 'b']
    """
    with doing(what, total, unit=unit) as activity:
        for item in items:
            yield item
            activity.advance()


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener hear of activities in this context, and in no other."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
