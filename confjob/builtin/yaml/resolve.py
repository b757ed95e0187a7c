"""What a YAML scalar means: PyYAML's reading, with OmegaConf's idea of a number on top.

YAML 1.1 as PyYAML has it reads `2e-5` as text, which a quarter of real training configs
contain and none of them means. OmegaConf, YAML 1.2 readers and the frameworks' own
converters read it as a number; so does confjob.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import yaml

from confjob.plugin import Json

__all__ = ["MERGE", "is_merge", "is_text_to_pyyaml", "value_of"]

MERGE: Final = "<<"

_STANDARD: Final = "tag:yaml.org,2002:"
_EXPONENT: Final = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+")


def value_of(text: str, *, plain: bool, tag: str = "") -> Json:
    """Return the value of a scalar.

    Args:
        text: The scalar's content.
        plain: Whether it stands without quotes, which lets it be other than text.
        tag: An explicit tag. Tags other than YAML's own are not resolved: the text stands.

    Raises:
        ValueError: When the text does not fit its type.
    """
    if tag in ("", "!"):
        if not plain:
            return text
        if _EXPONENT.fullmatch(text):
            return float(text.replace("_", ""))
        tag = _rules().resolve(yaml.ScalarNode, text, (True, False))
    kind = tag.removeprefix(_STANDARD)
    if kind not in ("null", "bool", "int", "float"):
        return text
    try:
        return getattr(_rules(), f"construct_yaml_{kind}")(yaml.ScalarNode(tag, text))
    except (KeyError, ValueError, IndexError):
        raise ValueError(f"{text[:40]!r} is not of type {kind}") from None


def is_merge(text: str, *, plain: bool, tag: str) -> bool:
    """Whether a key merges another mapping into this one."""
    return text == MERGE and ((plain and not tag) or tag == f"{_STANDARD}merge")


def is_text_to_pyyaml(text: str) -> bool:
    """Whether PyYAML reads as text what is read here as a number."""
    plain_text: bool = _rules().resolve(yaml.ScalarNode, text, (True, False)) == f"{_STANDARD}str"
    return plain_text and _EXPONENT.fullmatch(text) is not None


@cache
def _rules() -> Any:
    """Return the object that holds PyYAML's implicit types and safe constructors."""
    return yaml.SafeLoader("")
