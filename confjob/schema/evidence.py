"""Why an input is thought to have its type, and how sure that is.

What is inferred is a guess that a person may have to correct, so it comes with its
reason in one phrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from confjob.schema.inference import Sample, infer_from, is_fractional_name, is_interpolation, is_scientific
from confjob.schema.words import spell, type_name
from confjob.tree import Json

__all__ = ["Confidence", "Evidence", "evidence"]

#: `high`: someone said so, or siblings agree. `medium`: the value alone. `low`: a guess.
Confidence = Literal["high", "medium", "low"]


@frozen(kw_only=True)
class Evidence:
    """What a type rests on, in words, and how far to trust it."""

    because: str
    confidence: Confidence = "high"


def evidence(samples: Sequence[Sample], *, name: str = "") -> Evidence:
    """Return what the type that `infer_from` gives for the same arguments rests on.

    Example:
        >>> evidence([Sample(value=0)], name="dropout").because
        "0 under 'dropout' is a float that happens to be whole"
        >>> evidence([Sample(value=None)]).confidence
        'low'
    """
    if not samples:
        return Evidence(because="nothing is known of it", confidence="low")
    own, *siblings = samples
    alone = _alone(own, name)
    if not siblings:
        return alone
    whole, single = infer_from(samples, name=name), infer_from([own], name=name)
    if whole == single:
        agree = f"{len(siblings)} sibling file{'s' if len(siblings) > 1 else ''}"
        return Evidence(because=f"the value, and {agree} agree", confidence="high") if single else alone
    because = f"siblings: {_widening(own, siblings, name)}"
    return Evidence(because=because, confidence="high" if single else "medium")


def _widening(own: Sample, siblings: Sequence[Sample], name: str) -> str:
    """Return the sibling that says more than the value itself."""
    single = infer_from([own], name=name)
    wider = next(each for each in siblings if infer_from([own, each], name=name) != single)
    place = f"{wider.where} has " if wider.where else ""
    return f"{place}{_shown(wider.value)}"


def _alone(own: Sample, name: str) -> Evidence:
    value = own.value
    if value is None:
        return Evidence(because="null says nothing of the type", confidence="low")
    if is_interpolation(value):
        return Evidence(because="an interpolation may become anything", confidence="low")
    if value in ([], {}) and not isinstance(value, bool):
        return Evidence(because=f"an empty {type_name(infer_from([own]))} says little", confidence="low")
    if isinstance(value, str) and not own.style and is_scientific(value):
        because = f"{value} is a number, though YAML 1.1 reads text"
        return Evidence(because=because, confidence="medium")
    if type(value) is int and value in (0, 1) and is_fractional_name(name):
        because = f"{value} under {name!r} is a float that happens to be whole"
        return Evidence(because=because, confidence="medium")
    if isinstance(value, str) and value.lower() in ("auto", "none", "default"):
        return Evidence(because=f"the word {value!r} may stand for another type", confidence="low")
    return Evidence(because="the value", confidence="medium")


def _shown(value: Json) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a dict"
    return spell(value)
