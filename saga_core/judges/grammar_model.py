"""What the rule ``grammar`` has learned: slips, agreement, repetition, and how doubtful real sentences are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import spacy
from spacy.tokenizer import Tokenizer

from saga_core.errors import UserError
from saga_core.judges.agreement import Agreement, Flaw
from saga_core.judges.repetition import said_twice
from saga_core.judges.slip_network import Look
from saga_core.judges.slips import SlipModel, load_slips, save_slips
from saga_core.judges.trained_pipeline import spacy_language
from saga_core.judges.usual import Usual
from saga_core.judges.verdict import Token

FACTS = "grammar.json"


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


@dataclass(frozen=True)
class Doubter:
    """Tells what is doubtful in a sentence.

    Attributes:
        slips: The model of slips.
        agreement: What trees of real text hardly have.
        repetition: How rare it is in real text that something is said twice in a row, in nats.
    """

    slips: SlipModel
    agreement: Agreement
    repetition: float

    def about(self, text: str, tree: Sequence[Token]) -> Doubt:
        """Return what is doubtful in a sentence.

        Args:
            text: The sentence.
            tree: As the judge's parser sees it; empty where there is none.
        """
        words = tuple(token.text for token in self._tokenizer(text))
        flaws = list(self.agreement.flaws(tree))
        if (twice := said_twice(words)) is not None:
            flaws.append(Flaw(self.repetition, f"{twice!r} is said twice in a row"))
        return Doubt(words, self.slips.look(words), tuple(sorted(flaws, key=lambda flaw: -flaw.doubt)))

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return spacy.blank(spacy_language(self.slips.language)).tokenizer


@dataclass(frozen=True)
class GrammarModel:
    """All that was learned.

    Attributes:
        doubter: Tells what is doubtful.
        usual: How much doubt there is about real sentences.
        least_wording: Least share of real sentences that must be as doubtful as one that passes.
    """

    doubter: Doubter
    usual: Usual
    least_wording: float


def save_grammar(model: GrammarModel, folder: Path) -> None:
    """Write a model as JSON and safetensors into an existing folder."""
    doubter = model.doubter
    save_slips(doubter.slips, folder)
    facts = {
        "usual": asdict(model.usual),
        "least_wording": model.least_wording,
        "repetition": doubter.repetition,
        "surprise": [[*pair, value] for pair, value in sorted(doubter.agreement.surprise.items())],
        "finite": {relation: sorted(forms) for relation, forms in doubter.agreement.finite.items()},
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
        finite = {relation: frozenset(forms) for relation, forms in facts["finite"].items()}
        doubter = Doubter(slips, Agreement(surprise, finite), float(facts["repetition"]))
        usual = facts["usual"]
        known = Usual(tuple(map(float, usual["quantiles"])), float(usual["tail"]), float(usual["excess"]))
        return GrammarModel(doubter, known, float(facts["least_wording"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"what it learned cannot be read ({error})", f"judge {folder}", "train it again") from error
