"""What a form or an address says, read with a bound: nobody needs more fields than a page has."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

__all__ = ["fields_of"]


def fields_of(text: str, most: int, *, blank: bool = False, errors: str = "replace") -> list[tuple[str, str]]:
    """Return the names and values of an encoded form or query.

    Args:
        text: The form, or what stands behind the `?`.
        most: How many fields there may be.
        blank: Whether a field without a value counts.
        errors: What is done with bytes that are no UTF-8, as `bytes.decode` has it.

    Raises:
        HTTPException: When there are more (413).
    """
    try:
        return parse_qsl(text, keep_blank_values=blank, max_num_fields=most, errors=errors)
    except ValueError:
        raise HTTPException(413, f"The request has more than {most} fields") from None
