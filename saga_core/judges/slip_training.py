"""Training the model of slips on raw text of the language, tagged by a parser, and on the forms of a treebank."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from saga_core.evaluation.statistics import auroc
from saga_core.judges.corruption import Tagged, corrupt
from saga_core.judges.paradigms import Tagging
from saga_core.judges.slips import LABELS, RARE, Keys, Lexicon, SlipModel, endings_of, rows_of
from saga_core.progress import Tick

_BITS = 21
_VECTOR, _HIDDEN = 32, 128
# Sentences that are mixed; of these, so many of one length a step, so that the network needs no filling; of few
# sentences fewer, for else there are too few steps to learn in.
_MIXED, _MOST_A_STEP, _LEAST_A_STEP, _LEAST_STEPS = 8_192, 128, 16, 64
_RATE, _LEAST_RATE, _NETWORK_RATE = 0.1, 1e-4, 2e-3
# Share of n-grams that a step does not see, so that none is relied on alone.
_DROPPED = 0.15
_INITIAL_SQUARES = 1e-3
# Words that have an ending at least, for another to be classed by it.
_LEAST_WITH_ENDING = 3

# The hashes of a sentence's tokens, and the label of each gap.
Example = tuple[Keys, NDArray[np.int64]]


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
    best = {word: _commonest(found) for word, found in classes.items()}
    by_ending: dict[str, Counter[str]] = defaultdict(Counter)
    for word, name in best.items():
        for ending in endings_of(word) if word[-1:].isalpha() else ():
            by_ending[ending][name] += 1
    endings = {ending: _commonest(found) for ending, found in by_ending.items() if found.total() >= _LEAST_WITH_ENDING}
    # A word that was met once is classed as one that never was: so that the model learns from such ones too.
    known = {word: name for word, name in best.items() if classes[word].total() > 1 or not word[-1:].isalpha()}
    return Lexicon(known, endings, frozenset(word for word, count in words.items() if count >= RARE))


def _commonest(found: Counter[str]) -> str:
    # Of two that are equally frequent the first in the alphabet, so that nothing depends on an order.
    return min(found, key=lambda name: (-found[name], name))


def train_slips(
    sentences: Sequence[Sequence[str]],
    heldout: Sequence[Sequence[str]],
    lexicon: Lexicon,
    wrong_forms: Mapping[str, Sequence[str]],
    language: str,
    passes: int,
    seed: int,
    tick: Tick,
) -> TrainedSlips:
    """Train on each sentence and a copy of it with a slip, another in every pass.

    Rows of the table of n-grams learn by AdaGrad with one rate a row (Duchi et al. 2011, JMLR 12), which needs no
    sorting of rows; the network above by Adam. The loss is the sum of two cross-entropies: of the labels of the gaps,
    and of whether there is a slip in the sentence.

    Args:
        sentences: Tokens of real sentences, in any order.
        heldout: Of others, to measure it on.
        lexicon: How tokens are seen.
        wrong_forms: Other forms of each word, in lower case, that are wrong in its place; may be empty.
        language: Code of the language.
        passes: How often each sentence is seen; the more, the fewer there are.
        seed: Of weights, order and corruption.
        tick: Called with the number of sentences after so many that were mixed.
    """
    rng = np.random.default_rng(seed)
    tagged = [_tagged(tokens, lexicon) for tokens in sentences]
    others = _hashed(wrong_forms, lexicon)
    trainer = _Trainer(seed)
    a_step = min(max(len(tagged) // _LEAST_STEPS, _LEAST_A_STEP), _MOST_A_STEP)
    for number in range(passes):
        order = rng.permutation(len(tagged))
        for start in range(0, len(order), _MIXED):
            part = [tagged[i] for i in order[start : start + _MIXED]]
            steps = _steps(list(_with_corrupted(part, others, rng)), a_step, rng)
            for done, step in enumerate(steps):
                seen = start + len(part) * done / len(steps)
                trainer.step(step, 1 - (number + seen / len(order)) / passes)
            tick(len(part))
    model = SlipModel(lexicon, trainer.weights(), language)
    right: list[float] = []
    wrong: list[float] = []
    for keys, labels in _with_corrupted([_tagged(tokens, lexicon) for tokens in heldout], others, rng):
        (wrong if labels.any() else right).append(model.look_at(keys).doubt)
    return TrainedSlips(model, float(auroc(wrong, right)))


def _steps(examples: Sequence[Example], a_step: int, rng: np.random.Generator) -> list[list[Example]]:
    """Return examples in steps, in each at most so many of one length."""
    by_length: dict[int, list[Example]] = defaultdict(list)
    for example in examples:
        by_length[len(example[0])].append(example)
    steps = [same[i : i + a_step] for same in by_length.values() for i in range(0, len(same), a_step)]
    return [steps[i] for i in rng.permutation(len(steps))]


def _tagged(tokens: Sequence[str], lexicon: Lexicon) -> Tagged:
    keys = np.array([lexicon.keys(token) for token in tokens], dtype=np.uint64).reshape(-1, 3)
    return Tagged(keys, tuple(_upos(token, lexicon) for token in tokens))


def _upos(token: str, lexicon: Lexicon) -> str:
    known = lexicon.class_of(token.lower())
    # A word that nobody has seen is a noun as a rule.
    return known.partition("|")[0] if known else "NOUN" if token[-1:].isalnum() else "PUNCT"


def _hashed(wrong_forms: Mapping[str, Sequence[str]], lexicon: Lexicon) -> dict[int, list[Keys]]:
    others: dict[int, list[Keys]] = defaultdict(list)
    for form, wrong in wrong_forms.items():
        # A rarer form is seen by its ending alone, and so is many a word that is none of its forms.
        for other in wrong if form in lexicon.frequent else ():
            if other in lexicon.frequent:
                others[lexicon.keys(form)[0]].append(np.array(lexicon.keys(other), dtype=np.uint64))
    return dict(others)


def _with_corrupted(
    part: Sequence[Tagged], others: Mapping[int, Sequence[Keys]], rng: np.random.Generator
) -> Iterator[Example]:
    for sentence in part:
        yield sentence.keys, np.zeros(len(sentence.keys) + 1, dtype=np.int64)
        if made := corrupt(sentence, others, rng):
            keys, wrong = made
            labels = np.zeros(len(keys) + 1, dtype=np.int64)
            for gap, label in wrong.items():
                labels[gap] = label
            yield keys, labels


class _Network(nn.Module):
    """That of ``slip_network.look``, for sentences of one length: vectors are (gaps, sentences, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(_VECTOR, _HIDDEN, bidirectional=True)
        self.o = nn.Linear(_VECTOR + 2 * _HIDDEN, len(LABELS))
        self.s = nn.Linear(4 * _HIDDEN, 1)
        nn.init.zeros_(self.o.weight)
        # Most gaps are right.
        self.o.bias.data = torch.tensor([3.0, *[0.0] * (len(LABELS) - 1)])

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        states, _ = self.lstm(vectors)
        labels = self.o(torch.cat([torch.relu(vectors), states], 2))
        return labels, self.s(torch.cat([states.amax(0), states.mean(0)], 1))[:, 0]


class _Trainer:
    def __init__(self, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = _Network()
        self._table = torch.randn(1 << _BITS, _VECTOR, generator=self._random) * 0.1
        self._squares = torch.full((1 << _BITS,), _INITIAL_SQUARES)
        self._adam = torch.optim.Adam(self._network.parameters())

    def step(self, examples: Sequence[Example], left: float) -> None:
        """Learn from sentences of one length, at the rate for the share of the training that is left."""
        rows = torch.from_numpy(rows_of([keys for keys, _ in examples], _BITS))
        labels = torch.from_numpy(np.stack([labels for _, labels in examples]))
        kept = (torch.rand(rows.shape, generator=self._random) > _DROPPED).float() / (1 - _DROPPED)
        vectors = (self._table[rows] * kept[:, :, None]).sum(1).requires_grad_()
        at_gaps, of_all = self._network(vectors.view(*labels.shape, _VECTOR).transpose(0, 1))
        wrong = (labels > 0).any(1).float()
        loss = nn.functional.cross_entropy(at_gaps.flatten(0, 1), labels.T.flatten(), reduction="sum")
        loss += nn.functional.binary_cross_entropy_with_logits(of_all, wrong, reduction="sum")
        self._adam.param_groups[0]["lr"] = _NETWORK_RATE * left + _LEAST_RATE
        self._adam.zero_grad()
        torch.autograd.backward(loss)
        self._adam.step()
        assert vectors.grad is not None
        with torch.no_grad():
            self._update(rows, kept, vectors.grad, _RATE * left + _LEAST_RATE)

    def _update(self, rows: Tensor, kept: Tensor, gradient: Tensor, rate: float) -> None:
        squares = (gradient * gradient).mean(1)
        self._squares.index_add_(0, rows.reshape(-1), (squares[:, None] * kept * kept).reshape(-1))
        scaled = kept / self._squares[rows].sqrt()
        change = (-rate * gradient)[:, None, :] * scaled[:, :, None]
        self._table.index_add_(0, rows.reshape(-1), change.reshape(-1, _VECTOR))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        net = self._network
        both = ("", "_reverse")
        weights = {
            "input": torch.stack([getattr(net.lstm, f"weight_ih_l0{way}") for way in both]),
            "state": torch.stack([getattr(net.lstm, f"weight_hh_l0{way}") for way in both]),
            "bias": torch.stack(
                [getattr(net.lstm, f"bias_ih_l0{way}") + getattr(net.lstm, f"bias_hh_l0{way}") for way in both]
            ),
            "o": net.o.weight,
            "bo": net.o.bias,
            "s": net.s.weight[0],
            "bs": net.s.bias,
            # Half of the bytes to keep and to fetch.
            "table": self._table.half(),
        }
        return {name: value.detach().numpy().copy() for name, value in weights.items()}
