"""The nouns that plugins and verbs share.

A job is *declared* (`JobSpec`), its sources are *loaded* (`Document`), `Change`s to them
are carried by a `Delivery`, and a `Submission` becomes a run of some `Status`. The nouns
of deciding in between (`Form`, `Override`, `Plan`) are the core's own: see `form.py`.

Everything here is a frozen record without behaviour beyond looking things up, so that
each verb can be tested with plain values and plugins can build any of them.
"""

from __future__ import annotations

from confjob.model.documents import (
    Ask,
    Delivery,
    Document,
    Node,
    Problem,
    RunFile,
    Source,
    Span,
    overlaid,
    require_text,
)
from confjob.model.jobs import (
    Change,
    Flag,
    FunctionRef,
    InputSpec,
    JobSpec,
    Origin,
    Priority,
    Resources,
    Retry,
    Takes,
    Target,
)
from confjob.model.plugins import Backend, Calls, Elsewhere, Engine, Format, Held, Holding
from confjob.model.runs import State, Status, Submission

__all__ = [
    "Ask",
    "Backend",
    "Calls",
    "Change",
    "Delivery",
    "Document",
    "Elsewhere",
    "Engine",
    "Flag",
    "Format",
    "FunctionRef",
    "Held",
    "Holding",
    "InputSpec",
    "JobSpec",
    "Node",
    "Origin",
    "Priority",
    "Problem",
    "Resources",
    "Retry",
    "RunFile",
    "Source",
    "Span",
    "State",
    "Status",
    "Submission",
    "Takes",
    "Target",
    "overlaid",
    "require_text",
]
