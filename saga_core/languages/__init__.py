"""One small file a language.

Adding a language is adding a file ``CODE.py`` here that defines ``LANGUAGE``, and a recipe; nothing else lists them.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

from saga_core.errors import UserError
from saga_core.recipe import ParserSettings, TaskSource, TextSource

# Least likeness of a suggestion, from 0 to 1.
_NEAR = 0.5


@dataclass(frozen=True)
class Language:
    """What the stages and the model card need to know of a language, and what its recipes may leave out.

    Attributes:
        code: Code in recipes, and name of the language's file.
        name: English name, such as ``Norwegian Bokmål``.
        short: Short name in headings, such as ``NB``.
        summary_prompt: Template of the summary task, with ``{text}``.
        reading_prompt: Template of the reading task, with ``{text}`` and ``{question}``.
        card_prompt: Prompt in the model card's usage snippet.
        sources: Text of the language.
        judge: The parser that rewards; None where a recipe has to name one.
        evaluator: The parser that measures, another than the judge.
        treebank: CoNLL-U file that ScaLA is built from; a relative path starts from the recipe's folder.
        summaries: Documents to summarise; None where no data set is known, and then they are not measured.
        reading: Questions to answer; None as with summaries.
    """

    code: str
    name: str
    short: str
    summary_prompt: str
    reading_prompt: str
    card_prompt: str
    sources: tuple[TextSource, ...] = ()
    judge: ParserSettings | None = None
    evaluator: ParserSettings | None = None
    treebank: str | None = None
    summaries: TaskSource | None = None
    reading: TaskSource | None = None

    def defaults(self) -> dict[str, Any]:
        """Return what a recipe of the language may leave out: settings as YAML holds them, by dotted name."""
        given: dict[str, Any] = {
            "corpus.sources": [source.model_dump(exclude_unset=True) for source in self.sources],
            "evaluation.scala.treebank": self.treebank,
        }
        groups = {
            "judge": self.judge,
            "evaluator": self.evaluator,
            "evaluation.summaries.source": self.summaries,
            "evaluation.reading.source": self.reading,
        }
        given |= {name: group.model_dump(exclude_unset=True) for name, group in groups.items() if group}
        return {name: value for name, value in given.items() if value}


def wikipedia(edition: str) -> TextSource:
    """Return the Wikipedia of a language, as the public cards have it.

    Args:
        edition: Its code there, which is not always the language's: ``no`` is Bokmål.
    """
    return TextSource(hub="wikimedia/wikipedia", config=f"20231101.{edition}", limit=20_000)


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
    near = [(_likeness(code.lower(), name.lower()), each) for each in known for name in (each, get(each).name)]
    best = max(near)[0]
    # Several, where a code is that of all of them: "no" is Bokmål or Nynorsk.
    nearest = dict.fromkeys(each for likeness, each in near if likeness == best)
    hint = f"did you mean {' or '.join(map(repr, nearest))}? " if best[0] >= _NEAR else ""
    return f"{hint}known: {', '.join(known)}"


def _likeness(one: str, other: str) -> tuple[float, bool]:
    return difflib.SequenceMatcher(None, one, other).ratio(), one[:1] == other[:1]
