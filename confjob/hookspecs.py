"""The hooks: what a plugin may say, and when it is asked.

What is chosen by name is a record in a registry (`confjob_formats`, `confjob_backends`);
what everyone may comment on is a broadcast (`confjob_hide`, `confjob_infer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from confjob.keypath import KeyPath
    from confjob.model import Backend, Calls, Document, Format
    from confjob.schema import Schema

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("confjob")

#: Marks a function of a plugin as the implementation of the hook of the same name.
hookimpl = pluggy.HookimplMarker("confjob")


@hookspec
def confjob_formats() -> Iterable[Format]:
    """Give the config formats of this plugin.

    When: once, when a format is first asked for by name or suffix.

    Answers: records. Built-in names win; two third parties with one name are an error
    that names both distributions.

    Example:
        >>> from confjob.plugin import Format, hookimpl, text_format
        >>> @hookimpl
        ... def confjob_formats():
        ...     yield text_format("lines", (".lines",), parse=..., edit=...)

    .. versionadded:: 0.1
    """
    raise NotImplementedError


@hookspec
def confjob_backends() -> Iterable[Backend]:
    """Give the backends of this plugin.

    When: once, when a target first names a backend.

    Answers: records, combined as in `confjob_formats`.

    .. versionadded:: 0.1
    """
    raise NotImplementedError


@hookspec
def confjob_hide(document: Document) -> Iterable[KeyPath] | None:
    """Say which values of a document nobody should change.

    When: after loading, once per input.

    Args:
        document: The loaded input.

    Answers: paths, each hidden with all below it; None for no opinion. A value is
    hidden if any plugin says so; no plugin can reveal what another hides.

    .. versionadded:: 0.1
    """
    raise NotImplementedError


@hookspec
def confjob_infer(document: Document) -> Mapping[KeyPath, Schema] | None:
    """Say what type values of a document have, beyond what the values themselves tell.

    When: after filtering, once per input.

    Args:
        document: The loaded input.

    Answers: JSON Schemas by path, or None. They are merged per path; the author's
    schema and the framework's own go before them.

    .. versionadded:: 0.1
    """
    raise NotImplementedError


@hookspec
def confjob_calls() -> Iterable[Calls]:
    """Give the calls of a library by which scripts declare their inputs.

    When: once, when the first script or manifest is read.

    Answers: records. Their names are what a manifest's `reader =` says.

    .. versionadded:: 0.1
    """
    raise NotImplementedError


@hookspec
def confjob_links(folder: Path) -> Mapping[str, str] | None:
    """Say where else a run is recorded: a tracker's folder or page.

    When: each time a run is shown. A failure is a warning, and hides no run.

    Args:
        folder: The run's working directory, which may be gone.

    Answers: label to path or address, or None.

    .. versionadded:: 0.1
    """
    raise NotImplementedError
