"""ScaLA: does a model find intact sentences likelier than corrupted ones?

After EuroEval's ScaLA (Nielsen 2023, "ScandEval", NoDaLiDa): sentences of a treebank, each once intact and
once with a word deleted or two neighbours flipped. EuroEval's corruption is unseeded; ours takes a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from saga_core.corpus.acceptability import MARKS, deletable, flippable
from saga_core.corpus.treebank import TreebankSentence, join_tokens
from saga_core.errors import StageError
from saga_core.evaluation.statistics import Estimate, auroc, bootstrap_mean, bootstrap_statistic
from saga_core.progress import Tick

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Corruption = Literal["delete", "flip"]
CORRUPTIONS: tuple[Corruption, ...] = ("delete", "flip")


@dataclass(frozen=True)
class ScalaPair:
    """A sentence, intact and corrupted, both joined from its tokens by the same rule."""

    good: str
    bad: str
    corruption: Corruption


@dataclass(frozen=True)
class ScalaOutcome:
    """How likely a model finds the two sentences of a pair.

    Attributes:
        item_id: Identity of the pair.
        corruption: How the second was made from the first.
        good: Mean log-probability of a token of the intact sentence, nats.
        bad: Likewise of the corrupted one.
    """

    item_id: str
    corruption: Corruption
    good: float
    bad: float


def build_pairs(sentences: Iterable[TreebankSentence], n: int, seed: int) -> list[ScalaPair]:
    """Corrupt ``n`` sentences that pass ScaLA's filters, each once: deleted or flipped with even odds.

    A corruption that does not apply is drawn again; a sentence to which neither applies is left out. What is
    done to a sentence depends on the seed and that sentence alone.

    Args:
        sentences: Sentences of a treebank.
        n: Most pairs to make; there are fewer where the treebank is smaller.
        seed: Seed of choice, order and corruption.

    Raises:
        StageError: No sentence is left.
    """
    kept = list(_filtered(sentences))
    random.Random(f"{seed}").shuffle(kept)
    pairs: list[ScalaPair] = []
    for sentence in kept:
        if len(pairs) == n:
            break
        if pair := _corrupted(sentence, random.Random(f"{seed}:{sentence.text}")):
            pairs.append(pair)
    if not pairs:
        raise StageError("no sentence of the treebank passes ScaLA's filters", "treebank", "give a larger one")
    return pairs


def score_pairs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[tuple[str, ScalaPair]],
    batch_size: int,
    tick: Tick,
) -> list[ScalaOutcome]:
    """Score pairs by the mean log-probability of a token, given the start of a text.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        pairs: Id and pair.
        batch_size: Rows of a forward pass at most.
        tick: Called with the number of sentences that were finished, two a pair.
    """
    # PyTorch is large, and reports of stored outcomes do without it.
    from saga_core.evaluation.likelihood import log_probs

    texts = [text for _, pair in pairs for text in (pair.good, pair.bad)]
    means = [float(values.mean()) for values in log_probs(model, tokenizer, texts, batch_size, tick)]
    scored = zip(pairs, means[::2], means[1::2], strict=True)
    return [ScalaOutcome(name, pair.corruption, good, bad) for (name, pair), good, bad in scored]


def score_samples(outcomes: Sequence[ScalaOutcome]) -> list[list[float]]:
    """Return the scores of intact and of corrupted sentences, as ``statistics.auroc`` takes them."""
    return [[o.good for o in outcomes], [o.bad for o in outcomes]]


def scala_auroc(outcomes: Sequence[ScalaOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate the AUROC of intact over corrupted sentences; its interval is bootstrapped over pairs."""
    return bootstrap_statistic(auroc, score_samples(outcomes), seed, resamples)


def breakdown(outcomes: Sequence[ScalaOutcome], seed: int, resamples: int) -> dict[str, Estimate]:
    """Estimate what the one AUROC hides.

    Returns:
        ``auroc_delete`` and ``auroc_flip``, the AUROC over the pairs of one corruption, where there are any;
        and ``paired_accuracy``, how often the intact sentence of a pair is the likelier, a tie counted half.
    """
    estimates = {}
    for corruption in CORRUPTIONS:
        if some := [o for o in outcomes if o.corruption == corruption]:
            estimates[f"auroc_{corruption}"] = scala_auroc(some, seed, resamples)
    wins = [(o.good > o.bad) + 0.5 * (o.good == o.bad) for o in outcomes]
    return estimates | {"paired_accuracy": bootstrap_mean(wins, seed, resamples)}


def _filtered(sentences: Iterable[TreebankSentence]) -> Iterator[TreebankSentence]:
    seen: set[str] = set()
    for sentence in sentences:
        text, upos = sentence.text, sentence.upos
        if text in seen:
            continue
        seen.add(text)
        if (
            len(sentence.forms) > 5
            and len(set(upos)) > 5
            and text.count('"') % 2 == 0
            and upos[0] not in MARKS
            and text.count("=") <= 1
            and 2 <= len(text) <= 5_000
        ):
            yield sentence


def _corrupted(sentence: TreebankSentence, rng: random.Random) -> ScalaPair | None:
    good = join_tokens(sentence.forms)
    untried = list(CORRUPTIONS)
    # Even odds, and again until one applies: as a corruption that does not apply never will, once each is
    # enough.
    while untried:
        corruption = untried.pop(rng.randrange(len(untried)))
        bad = _CORRUPT[corruption](sentence, rng)
        if bad is not None:
            return ScalaPair(good, join_tokens(bad), corruption)
    return None


def _delete(sentence: TreebankSentence, rng: random.Random) -> list[str] | None:
    forms = sentence.forms
    if not (candidates := deletable(sentence.upos)):
        return None
    gone = rng.choice(candidates)
    return [*forms[:gone], *forms[gone + 1 :]]


def _flip(sentence: TreebankSentence, rng: random.Random) -> list[str] | None:
    forms = sentence.forms
    # Two tokens of one form would make the same sentence.
    candidates = [i for i in flippable(sentence.upos) if forms[i].lower() != forms[i + 1].lower()]
    if not candidates:
        return None
    first = rng.choice(candidates)
    left, right = forms[first + 1], forms[first]
    if first == 0:
        left = left[:1].upper() + left[1:]
        right = right if right.isupper() else right.lower()
    return [*forms[:first], left, right, *forms[first + 2 :]]


_CORRUPT: dict[Corruption, Callable[[TreebankSentence, random.Random], list[str] | None]] = {
    "delete": _delete,
    "flip": _flip,
}
