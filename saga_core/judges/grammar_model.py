"""What the rule ``grammar`` has learned: slips, agreement, repetition, and how doubtful real sentences are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spacy

from saga_core.errors import UserError
from saga_core.judges.agreement import Agreement, Flaw
from saga_core.judges.repetition import said_twice
from saga_core.judges.slip_network import Look
from saga_core.judges.slips import SlipModel, load_slips, save_slips
from saga_core.judges.trained_pipeline import spacy_language
from saga_core.judges.verdict import Token

FACTS = "grammar.json"

_QUANTILES = 1_001


@dataclass(frozen=True)
class Doubt:
    """What is doubtful in a sentence.

    Attributes:
        words: Its tokens, by the rules of the language.
        look: What the model of slips sees at the gaps between them.
        flaws: What is wrong in its tree or said twice, the worst first.
    """

    words: tuple[str, ...]
    look: Look
    flaws: tuple[Flaw, ...]

    @property
    def value(self) -> float:
        """How doubtful the sentence is."""
        return self.look.doubt + sum(flaw.doubt for flaw in self.flaws)


class GrammarModel:
    """Tells how doubtful a sentence is, and how usual that is.

    Args:
        slips: The model of slips.
        agreement: What trees of real text hardly have.
        repetition: How rare it is in real text that something is said twice in a row, in nats.
        usual: Quantiles of the doubt about real sentences that were held out, from the least to the greatest.
    """

    def __init__(self, slips: SlipModel, agreement: Agreement, repetition: float, usual: Sequence[float]) -> None:
        self.slips, self.agreement, self.repetition, self.usual = slips, agreement, repetition, tuple(usual)
        self._tokenizer = spacy.blank(spacy_language(slips.language)).tokenizer

    def doubt(self, text: str, tree: Sequence[Token]) -> Doubt:
        """Return what is doubtful in a sentence.

        Args:
            text: The sentence.
            tree: As the judge's parser sees it; empty where there is none.
        """
        words = tuple(token.text for token in self._tokenizer(text))
        flaws = self.agreement.flaws(tree)
        if (twice := said_twice(words)) is not None:
            flaws = [Flaw(self.repetition, f"{twice!r} is said twice in a row"), *flaws]
        return Doubt(words, self.slips.look(words), tuple(sorted(flaws, key=lambda flaw: -flaw.doubt)))

    def wording(self, doubt: float) -> float:
        """Return the share of real sentences that are at least as doubtful, in [0, 1]."""
        return float(np.interp(doubt, self.usual, np.linspace(1, 0, len(self.usual))))


def quantiles(doubts: Iterable[float]) -> tuple[float, ...]:
    """Return what ``GrammarModel`` takes for usual, of real sentences' doubts."""
    return tuple(float(value) for value in np.quantile(list(doubts), np.linspace(0, 1, _QUANTILES)))


def save_grammar(model: GrammarModel, folder: Path) -> None:
    """Write a model as JSON and safetensors into an existing folder."""
    save_slips(model.slips, folder)
    facts = {
        "usual": model.usual,
        "repetition": model.repetition,
        "surprise": [[*pair, value] for pair, value in sorted(model.agreement.surprise.items())],
        "finite": sorted(model.agreement.finite),
    }
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, sort_keys=True), encoding="utf-8")


def load_grammar(folder: Path) -> GrammarModel:
    """Read a model that ``save_grammar`` wrote.

    Raises:
        UserError: The folder holds none.
    """
    slips = load_slips(folder)
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        surprise = {(upos, feature, own, by): float(value) for upos, feature, own, by, value in facts["surprise"]}
        agreement = Agreement(surprise, frozenset(facts["finite"]))
        usual = [float(value) for value in facts["usual"]]
        return GrammarModel(slips, agreement, float(facts["repetition"]), usual)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"what it learned cannot be read ({error})", f"judge {folder}", "train it again") from error
