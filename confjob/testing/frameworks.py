"""Interpreters that have a framework, for tests of plugins that ask it.

A framework lives in the job's environment and not in confjob's, so the tests find it where
a variable says; whoever has none skips those tests, and CI does not.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["framework_python"]


def framework_python(framework: str, *others: str) -> Path:
    """Return the interpreter that `CONFJOB_PYTHON_<FRAMEWORK>` names; call it in a fixture.

    Without one the test is skipped; under `CONFJOB_REQUIRE_ENGINES=1`, which CI sets, it fails.

    Args:
        framework: The framework's name, as in `axolotl`.
        others: Further names that will do.

    Example:
        >>> os.environ["CONFJOB_PYTHON_MY_FRAMEWORK"] = "/opt/env/bin/python"
        >>> framework_python("my-framework").as_posix()
        '/opt/env/bin/python'
        >>> del os.environ["CONFJOB_PYTHON_MY_FRAMEWORK"]
    """
    import pytest

    names = [f"CONFJOB_PYTHON_{name.upper().replace('-', '_')}" for name in (framework, *others)]
    found = next(filter(None, map(os.environ.get, names)), None)
    if found is None:
        reason = f"{' and '.join(names)} name no interpreter with {framework}; engine.sh makes one"
        (pytest.fail if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1" else pytest.skip)(reason)
    return Path(found)
