"""Settings of the machine, not of a run: read from environment variables, and checked."""

from __future__ import annotations

import os

from saga_core.errors import UserError

STORE = "SAGA_STORE"
DEFAULT_STORE = "saga-store"


def seconds(variable: str, default: float, least: float, most: float) -> float:
    """Return a number of seconds from an environment variable.

    Args:
        variable: Its name.
        default: Where it is not set.
        least: Smallest number allowed.
        most: Largest number allowed.

    Raises:
        UserError: It is no such number.
    """
    text = os.environ.get(variable, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        what = f"{text!r} is no number of seconds from {least:g} to {most:g}"
        raise UserError(what, variable, "correct or unset it")
    return value
