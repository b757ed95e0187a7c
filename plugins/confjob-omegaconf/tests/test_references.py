"""References followed without running code, beside what OmegaConf itself makes of them."""

from __future__ import annotations

import pytest
from confjob_omegaconf.references import preview

from confjob.plugin import MISSING, KeyPath

TREE = {
    "name": "nightly",
    "out": "results/${name}/x",
    "alias": "${trainer.lr}",
    "trainer": {"lr": 0.1, "same": "${.lr}", "up": "${..name}", "deep": "${trainer.same}"},
    "sizes": [1, 2],
    "first": "${sizes[0]}",
    "second": "${sizes.1}",
    "escaped": "\\${name}",
    "mixed": "a\\${x}-${name}",
    "whole": "${trainer}",
    "env": "${oc.env:HOME}",
    "nested": "${trainer.${name}}",
    "around": "${around}",
    "nowhere": "${nothing}",
    "chain": "${alias}/${first}",
}


@pytest.mark.parametrize("key", ["out", "alias", "first", "second", "escaped", "mixed", "chain"])
def test_it_is_what_omegaconf_resolves(key):
    """At the top of a tree: the same value, and the same type."""
    omegaconf = pytest.importorskip("omegaconf")
    resolvable = {k: v for k, v in TREE.items() if k not in ("env", "nested", "around", "nowhere")}
    expected = omegaconf.OmegaConf.create(resolvable)[key]
    found = preview(TREE, KeyPath((key,)))
    assert found == expected
    assert type(found) is type(expected)


def test_relative_references_count_from_where_they_stand():
    """One dot is the mapping around the value, two the one around that."""
    assert preview(TREE, KeyPath(("trainer", "same"))) == 0.1
    assert preview(TREE, KeyPath(("trainer", "up"))) == "nightly"
    assert preview(TREE, KeyPath(("trainer", "deep"))) == 0.1


@pytest.mark.parametrize("key", ["env", "nested", "around", "nowhere"])
def test_what_code_or_nobody_knows_is_missing(key):
    """A resolver is never run; circles and dangling references end."""
    assert preview(TREE, KeyPath((key,))) is MISSING
