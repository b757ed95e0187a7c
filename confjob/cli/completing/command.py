"""A command that a TAB can be asked about while an option still waits for its value."""

from __future__ import annotations

import click

__all__ = ["Completable"]


class Completable(click.Command):
    """A command that knows its arguments although the line ends in an option without a value.

    click gives up the arguments of such a line: `launch train --set <TAB>` would not know
    of which job the inputs are wanted.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the waiting option out, where it is completion that asks."""
        if ctx.resilient_parsing and args and self._waits(ctx, args[-1]):
            args = args[:-1]
        return super().parse_args(ctx, args)

    def _waits(self, ctx: click.Context, word: str) -> bool:
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        return any(word in option.opts and not option.is_flag and not option.count for option in options)
