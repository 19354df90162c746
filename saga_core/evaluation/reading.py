"""Reading comprehension: is the answer grammatical (APS), and is it right (F1, exact match)?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from saga_core.evaluation.statistics import Estimate, bootstrap_mean, wilson

_NO_WORD = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True)
class ReadingItem:
    """A question on a text.

    Attributes:
        id: Identity of the question.
        context: The text.
        question: The question.
        answers: Right answers, any of which will do; none for a question that the text does not answer.
    """

    id: str
    context: str
    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class ReadingOutcome:
    """A generated answer, the verdict on it alone, and how right it is.

    Attributes:
        item_id: Identity of the question.
        text: The answer: the first line of what the model wrote.
        passed: Whether its complete sentences all parse, and there is one.
        quality: Of an answer that passed, in (0, 1]; else 0.
        f1: Overlap of its words with the nearest right answer, in [0, 1].
        em: Whether it is a right answer, word for word.
    """

    item_id: str
    text: str
    passed: bool
    quality: float
    f1: float
    em: bool


def first_line(generated: str, finished: bool) -> tuple[str, bool]:
    """Return the first line of a generation that is not blank, and whether it is whole.

    Args:
        generated: What the model wrote after the prompt.
        finished: Whether the model ended it; then its last line is whole too.
    """
    line, line_break, _ = generated.lstrip().partition("\n")
    return line.rstrip(), finished or bool(line_break)


def f1(answer: str, right: Sequence[str]) -> float:
    """Return the F1 of an answer's words with the nearest right answer's.

    After SQuAD (Rajpurkar et al. 2016): lower case, punctuation dropped, words counted with repetition.
    Articles stay, for SQuAD drops English ones. With no right answer, an answer without a word is right.
    """
    return max(_overlap(_words(answer), _words(one)) for one in right or ("",))


def exact_match(answer: str, right: Sequence[str]) -> bool:
    """Return whether an answer has the words of a right one, by the same rules as ``f1``."""
    return any(_words(answer) == _words(one) for one in right or ("",))


def rc_aps(outcomes: Sequence[ReadingOutcome]) -> Estimate:
    """Estimate the share of answers that parse."""
    return wilson(sum(o.passed for o in outcomes), len(outcomes))


def rc_f1(outcomes: Sequence[ReadingOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate the mean F1."""
    return bootstrap_mean([o.f1 for o in outcomes], seed, resamples)


def rc_em(outcomes: Sequence[ReadingOutcome]) -> Estimate:
    """Estimate the share of answers that match exactly."""
    return wilson(sum(o.em for o in outcomes), len(outcomes))


def _words(text: str) -> list[str]:
    return _NO_WORD.sub("", unicodedata.normalize("NFC", text).lower()).split()


def _overlap(answer: list[str], right: list[str]) -> float:
    if not answer or not right:
        return float(answer == right)
    shared = (Counter(answer) & Counter(right)).total()
    return 2 * shared / (len(answer) + len(right))
