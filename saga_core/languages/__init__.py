"""One small file a language.

Adding a language is adding a file ``CODE.py`` here that defines ``LANGUAGE``; nothing else lists them.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass

from saga_core.errors import UserError


@dataclass(frozen=True)
class Language:
    """What the stages and the model card need to know of a language.

    Attributes:
        code: Code in recipes, and name of the language's file.
        name: English name, such as ``Norwegian Bokmål``.
        short: Short name in headings, such as ``NB``.
        summary_prompt: Template of the summary task, with ``{text}``.
        reading_prompt: Template of the reading task, with ``{text}`` and ``{question}``.
        card_prompt: Prompt in the model card's usage snippet.
    """

    code: str
    name: str
    short: str
    summary_prompt: str
    reading_prompt: str
    card_prompt: str


def codes() -> list[str]:
    """Return the codes of all languages, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(code: str) -> Language:
    """Return the language of ``code``.

    Args:
        code: A code of ``codes()``, such as ``nb``.

    Raises:
        UserError: No such language; names the known ones and the nearest.
    """
    known = codes()
    if code not in known:
        raise UserError(f"unknown language {code!r}", "language", _remedy(code, known))
    language: Language = importlib.import_module(f"{__name__}.{code}").LANGUAGE
    return language


def _remedy(code: str, known: list[str]) -> str:
    # People write the English name or a neighbour code ("Norwegian", "no") as often as a slip of the pen.
    names = {name.lower(): each for each in known for name in (each, get(each).name)}
    nearest = difflib.get_close_matches(code.lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {names[nearest[0]]!r}? " if nearest else ""
    return f"{hint}known: {', '.join(known)}"
