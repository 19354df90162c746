"""Training the model of slips on raw text of the language, tagged by a parser, and on the forms of a treebank."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from saga_core.corpus.treebank import NO_LEMMA, TreebankSentence
from saga_core.evaluation.statistics import auroc
from saga_core.judges.corruption import Tagged, corrupt
from saga_core.judges.slips import LABELS, RARE, WIDTH, Batch, Keys, Lexicon, SlipModel, batch, doubt
from saga_core.progress import Tick

_BITS = 21
_VECTOR, _HIDDEN = 24, 64
# Sentences a step, before their corrupted copies.
SENTENCES_A_STEP = 512
_RATE, _LEAST_RATE, _TOP_RATE = 0.1, 1e-4, 2e-3
# Share of n-grams that a step does not see, so that none is relied on alone.
_DROPPED = 0.15
_INITIAL_SQUARES = 1e-3
_QUANTILES = 1_001
# Parts of speech whose other forms are nearly always wrong in their place.
_INFLECTED = frozenset({"ADJ", "DET", "VERB", "AUX", "PRON"})

Tagging = tuple[str, str, str]


@dataclass(frozen=True)
class TrainedSlips:
    """A trained model of slips.

    Attributes:
        model: It.
        auroc: How often a held-out sentence with a slip is more doubtful than one without, in [0, 1].
    """

    model: SlipModel
    auroc: float


def lexicon_of(tagged: Iterable[Sequence[Tagging]], words: Mapping[str, int]) -> Lexicon:
    """Return how tokens are seen: each word by the class that it has most often.

    Args:
        tagged: Sentences of word, part of speech and features (``A=x|B=y``).
        words: How often each word in lower case is in the text.
    """
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in tagged:
        for form, upos, feats in sentence:
            classes[form.lower()][f"{upos}|{feats}"] += 1
    # Of two that are equally frequent the first in the alphabet, so that nothing depends on an order.
    best = {word: min(found, key=lambda name: (-found[name], name)) for word, found in classes.items()}
    return Lexicon(best, frozenset(word for word, count in words.items() if count >= RARE))


def train_slips(
    sentences: Sequence[Sequence[str]],
    heldout: Sequence[Sequence[str]],
    lexicon: Lexicon,
    treebank: Sequence[TreebankSentence],
    language: str,
    seed: int,
    tick: Tick,
) -> TrainedSlips:
    """Train on each sentence once, and on a corrupted copy of it.

    Rows of the table of n-grams learn by AdaGrad with one rate a row (Duchi et al. 2011, JMLR 12), which needs no
    sorting of rows; the layers above by Adam.

    Args:
        sentences: Tokens of real sentences, in any order.
        heldout: Of others, which tell what is usual.
        lexicon: How tokens are seen.
        treebank: Whose other forms of a word are used to make wrong ones; may be empty.
        language: Code of the language.
        seed: Of weights, order and corruption.
        tick: Called with the number of sentences after every step.
    """
    rng = np.random.default_rng(seed)
    tagged = [_tagged(sentences[i], lexicon) for i in rng.permutation(len(sentences))]
    others = _other_forms(treebank, lexicon)
    trainer = _Trainer(seed, steps=-(-len(tagged) // SENTENCES_A_STEP))
    for start in range(0, len(tagged), SENTENCES_A_STEP):
        part = tagged[start : start + SENTENCES_A_STEP]
        trainer.step(list(_with_corrupted(part, others, rng)))
        tick(len(part))
    model = SlipModel(lexicon, trainer.weights(), (), language)
    right: list[float] = []
    wrong: list[float] = []
    for keys, labels in _with_corrupted([_tagged(tokens, lexicon) for tokens in heldout], others, rng):
        (wrong if labels.any() else right).append(doubt(model.log_probs_of(keys)))
    usual = np.quantile(right, np.linspace(0, 1, _QUANTILES))
    return TrainedSlips(replace(model, usual=tuple(float(value) for value in usual)), float(auroc(wrong, right)))


def _tagged(tokens: Sequence[str], lexicon: Lexicon) -> Tagged:
    keys = np.array([lexicon.keys(token) for token in tokens], dtype=np.uint64).reshape(-1, 3)
    return Tagged(keys, tuple(_upos(token, lexicon) for token in tokens))


def _upos(token: str, lexicon: Lexicon) -> str:
    known = lexicon.classes.get(token.lower())
    # A word that nobody has seen is a noun as a rule.
    return known.partition("|")[0] if known else "NOUN" if token[-1:].isalnum() else "PUNCT"


def _other_forms(treebank: Sequence[TreebankSentence], lexicon: Lexicon) -> dict[int, list[Keys]]:
    forms: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sentence in treebank:
        for word, lemma in zip(sentence.words, sentence.lemmas, strict=True):
            form = word.form.lower()
            # A rarer form is seen by its ending alone, and so is many a word that is none of its forms.
            if word.upos in _INFLECTED and lemma != NO_LEMMA and form in lexicon.frequent:
                forms[lemma, word.upos].add(form)
    others: dict[int, list[Keys]] = defaultdict(list)
    for together in forms.values():
        for form in sorted(together):
            for other in sorted(together - {form}):
                others[lexicon.keys(form)[0]].append(np.array(lexicon.keys(other), dtype=np.uint64))
    return dict(others)


def _with_corrupted(
    part: Sequence[Tagged], others: Mapping[int, Sequence[Keys]], rng: np.random.Generator
) -> Iterator[tuple[Keys, NDArray[np.int64]]]:
    for sentence in part:
        yield sentence.keys, np.zeros(len(sentence.keys) + 1, dtype=np.int64)
        if made := corrupt(sentence, others, rng):
            keys, wrong = made
            labels = np.zeros(len(keys) + 1, dtype=np.int64)
            for gap, label in wrong.items():
                labels[gap] = label
            yield keys, labels


class _Top(nn.Module):
    """What stands above the n-grams: two convolutions over the gaps, and the labels."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv1d(_VECTOR, _HIDDEN, WIDTH, padding=WIDTH // 2)
        self.c2 = nn.Conv1d(_HIDDEN, _HIDDEN, WIDTH, padding=WIDTH // 2)
        self.o = nn.Linear(_VECTOR + _HIDDEN, len(LABELS))
        nn.init.zeros_(self.o.weight)
        # Most gaps are right.
        self.o.bias.data = torch.tensor([3.0, *[0.0] * (len(LABELS) - 1)])

    def forward(self, vectors: Tensor, places: Tensor, length: int) -> Tensor:
        row = torch.zeros(length, _VECTOR).index_copy(0, places, vectors)
        hidden = torch.relu(self.c2(torch.relu(self.c1(row.T[None]))))[0].T[places]
        logits: Tensor = self.o(torch.cat([torch.relu(vectors), hidden], 1))
        return logits


class _Trainer:
    def __init__(self, seed: int, steps: int) -> None:
        self._random = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._top = _Top()
        self._table = torch.randn(1 << _BITS, _VECTOR, generator=self._random) * 0.1
        self._squares = torch.full((1 << _BITS,), _INITIAL_SQUARES)
        self._adam = torch.optim.Adam(self._top.parameters(), lr=_TOP_RATE)
        self._done, self._steps = 0, steps

    def step(self, examples: Sequence[tuple[Keys, NDArray[np.int64]]]) -> None:
        gaps: Batch = batch([keys for keys, _ in examples], _BITS)
        labels = torch.from_numpy(np.concatenate([labels for _, labels in examples]))
        rows = torch.from_numpy(gaps.rows)
        kept = (torch.rand(rows.shape, generator=self._random) > _DROPPED).float() / (1 - _DROPPED)
        vectors = (self._table[rows] * kept[:, :, None]).sum(1).requires_grad_()
        loss = nn.functional.cross_entropy(
            self._top(vectors, torch.from_numpy(gaps.places), gaps.length), labels, reduction="sum"
        )
        self._adam.zero_grad()
        torch.autograd.backward(loss)
        self._adam.step()
        assert vectors.grad is not None
        with torch.no_grad():
            self._update(rows, kept, vectors.grad)
        self._done += 1

    def _update(self, rows: Tensor, kept: Tensor, gradient: Tensor) -> None:
        rate = _RATE * (1 - self._done / self._steps) + _LEAST_RATE
        squares = (gradient * gradient).mean(1)
        self._squares.index_add_(0, rows.reshape(-1), (squares[:, None] * kept * kept).reshape(-1))
        scaled = kept / self._squares[rows].sqrt()
        change = (-rate * gradient)[:, None, :] * scaled[:, :, None]
        self._table.index_add_(0, rows.reshape(-1), change.reshape(-1, _VECTOR))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        top = self._top
        weights: dict[str, NDArray[np.float32]] = {}
        for name, bias, layer in (("c1", "b1", top.c1), ("c2", "b2", top.c2), ("o", "bo", top.o)):
            assert layer.bias is not None
            weights |= {name: layer.weight.detach().numpy().copy(), bias: layer.bias.detach().numpy().copy()}
        # Half of the bytes to keep and to fetch.
        return weights | {"table": self._table.half().numpy()}
