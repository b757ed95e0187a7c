"""JSON as `--json` prints it: strict, whatever a config holds."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from confjob.shapes import strict

__all__ = ["StrictResponse"]


class StrictResponse(JSONResponse):
    """An answer in JSON: NaN and infinities are texts, and half a surrogate pair is an escape."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of a value."""
        text = json.dumps(strict(content), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")
