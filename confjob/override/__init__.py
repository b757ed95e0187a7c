"""Overriding: from what was asked to what is decided, or every reason why not.

A module for each step: `grammar` reads `--set` and `--inputs` into overrides, `layers` puts
them on top of an earlier run's, `locate` finds the input and path that each means, `decide` reads the value by the
field's type and refuses what the form does not admit, `judge` validates the documents
that result.
"""

from __future__ import annotations

from confjob.override.decide import changed_tree, decide
from confjob.override.grammar import from_document, parse_set, words_from
from confjob.override.judge import judge
from confjob.override.layers import on_top
from confjob.override.locate import locate

__all__ = ["changed_tree", "decide", "from_document", "judge", "locate", "on_top", "parse_set", "words_from"]
