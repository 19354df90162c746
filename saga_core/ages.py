"""Ages as a user gives them: ``12h``, ``30d``, ``8w``."""

from __future__ import annotations

import re

from saga_core.errors import UserError

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_AGE = re.compile(r"([0-9]{1,6})([mhdw])")
_LONGEST = 3650 * _SECONDS["d"]


def parse_age(text: str, where: str) -> float:
    """Return the seconds of an age.

    Args:
        text: A number and a unit, such as ``90m``, ``12h``, ``30d``, ``8w``.
        where: Option that it is the value of.

    Raises:
        UserError: It is no age, or one of more than ten years.
    """
    match = _AGE.fullmatch(text)
    if match is None:
        raise UserError(f"no age: {text}", where, "give a number with m, h, d or w: 90m, 12h, 30d, 8w")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST:
        raise UserError(f"too long: {text}", where, "give at most 3650d")
    return float(seconds)


def age_in_words(seconds: float) -> str:
    """Return an age as words, in the largest unit that divides it."""
    for letter, unit in reversed(_SECONDS.items()):
        if seconds >= unit and seconds % unit == 0:
            number = int(seconds // unit)
            return f"{number} {_WORDS[letter]}{'' if number == 1 else 's'}"
    return f"{seconds:.0f} seconds"
