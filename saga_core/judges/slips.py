"""Slips: what is wrong between two neighbouring tokens of a sentence, by a model of raw text.

A parser parses anything, also words in random order. This model has learned what real text does not do: it looks at
every *gap*, before a token, between two, and after the last, and says how likely it is that

* ``missing``: a word was left out here,
* ``order``: the words beside it are not in their order,
* ``repeated``: what stood before is said again,
* ``form``: the token after it has a wrong form of its word.

The model is hashed n-grams with a small convolution on top, after Joulin et al. 2017 ("Bag of Tricks for Efficient Text
Classification", EACL); it learns from real sentences and the same with one slip made, as ELECTRA (Clark et al. 2020,
ICLR) learns from replaced tokens. A token is seen as its word, as its *fine* class (part of speech and features) and as
its *coarse* class (part of speech), each from a lexicon and not from its sentence: so a slip does not change how its
neighbours are seen.

With ``h_g`` the sum of the vectors of the n-grams at gap ``g`` (the templates of ``TEMPLATES``)::

    p(. | g) = softmax(O [relu(h_g); relu(C2 * relu(C1 * h))_g] + o)

where ``*`` is a convolution over gaps of width 5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from saga_core.errors import UserError

FACTS = "slips.json"
WEIGHTS = "slips.safetensors"

LABELS = ("none", "missing", "order", "repeated", "form")

WIDTH = 5
# Free places around a sentence, so that no n-gram reaches into the next.
_PAD = 8
_BEGIN, _END, _NOTHING = 2, 12, 1
# Words that are rarer in the text than this are seen by their ending.
RARE = 3

_WORD, _FINE, _COARSE = 0, 1, 2
_LETTERS = {"w": _WORD, "f": _FINE, "c": _COARSE}

# Each n-gram at a gap: how tokens are seen and where they stand; 0 is the token after the gap, -1 the one before it.
TEMPLATES = tuple(
    tuple((_LETTERS[part[0]], int(part[1:])) for part in template.split())
    for template in (
        "w-1 w0", "w-2 w-1 w0", "w-1 w0 w1", "w-2 w-1 w0 w1", "w-1 w1", "w-2 w0",
        "f-1 f0", "f-2 f-1 f0", "f-1 f0 f1", "f-2 f-1 f0 f1", "f-3 f-2 f-1 f0", "f-1 f0 f1 f2",
        "c-2 c-1 c0 c1", "c-3 c-2 c-1 c0 c1", "c-2 c-1 c0 c1 c2", "c-3 c-2 c-1 c0 c1 c2",
        "w-1 f0", "f-1 w0", "w-1 f0 f1", "f-2 f-1 w0", "f-2 w-1 f0", "f-1 w0 f1", "w-1 c0 c1 c2", "c-3 c-2 c-1 w0",
        "w-1", "w0", "f-2", "f1", "w-2", "w1",
    )
)  # fmt: skip

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)

Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Lexicon:
    """How tokens are seen, whatever their sentence.

    Attributes:
        classes: Fine class of each known word in lower case, such as ``NOUN|Gender=Fem|Number=Sing``.
        frequent: Words that are seen as themselves.
    """

    classes: Mapping[str, str]
    frequent: frozenset[str]

    def keys(self, token: str) -> tuple[int, int, int]:
        """Return the hashes of a token as word, fine class and coarse class."""
        word = token.lower()
        fine = self.classes.get(word)
        ending = word[-3:] if word[-1:].isalnum() else f" {word}"
        if fine is None:
            fine, coarse = ("9", "9") if word[:1].isdigit() else (f"?{ending}", f"?{ending[-2:]}")
        else:
            coarse = fine.partition("|")[0]
        seen = word if word in self.frequent else f"#{word[-4:]}"
        return _hash(f"w{seen}"), _hash(f"f{fine}"), _hash(f"c{coarse}")


@dataclass(frozen=True)
class Batch:
    """Sentences side by side, ready for the model.

    Attributes:
        rows: For each gap the row of each of its n-grams, (gaps, templates).
        places: Where each gap stands in the padded row of all, (gaps,).
        length: Length of that row.
        gaps: Gaps of each sentence: its tokens and one.
    """

    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    length: int
    gaps: tuple[int, ...]


def batch(sentences: Sequence[Keys], bits: int) -> Batch:
    """Put sentences side by side.

    Args:
        sentences: Hashes of the tokens of each, (tokens, 3).
        bits: Logarithm of the number of rows of the table of n-grams.
    """
    length = sum(len(keys) for keys in sentences) + _PAD * (len(sentences) + 1)
    seen = np.full((3, length), _NOTHING, dtype=np.uint64)
    places, start = [], _PAD
    for keys in sentences:
        end = start + len(keys)
        seen[:, start:end] = keys.T
        seen[:, start - 1], seen[:, end] = _BEGIN, _END
        places.append(np.arange(start, end + 1))
        start = end + _PAD
    at = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
    rows = np.empty((len(at), len(TEMPLATES)), dtype=np.int64)
    shift = np.uint64(64 - bits)
    for column, template in enumerate(TEMPLATES):
        mixed = np.full(len(at), column * 7919 + 13, dtype=np.uint64)
        for view, offset in template:
            mixed = (mixed ^ seen[view, at + offset]) * _MIX
            mixed ^= mixed >> _SHIFT
        rows[:, column] = (mixed * _MIX >> shift).astype(np.int64)
    return Batch(rows, at, length, tuple(len(part) for part in places))


@dataclass(frozen=True)
class SlipModel:
    """The trained model.

    Attributes:
        lexicon: How tokens are seen.
        weights: ``table`` (rows, D); ``c1`` (K, D, WIDTH), ``b1``; ``c2`` (K, K, WIDTH), ``b2``; ``o`` (labels, D + K),
            ``bo``.
        usual: Quantiles of the doubt of real sentences that it was not trained on, from the least to the greatest.
        language: Code of the language, whose rules cut a sentence into tokens.
    """

    lexicon: Lexicon
    weights: Mapping[str, Floats]
    usual: tuple[float, ...]
    language: str

    @cached_property
    def _bits(self) -> int:
        return int(self.weights["table"].shape[0]).bit_length() - 1

    def keys(self, tokens: Sequence[str]) -> Keys:
        """Return the hashes of tokens, (tokens, 3)."""
        return np.array([self.lexicon.keys(token) for token in tokens], dtype=np.uint64).reshape(-1, 3)

    def wording(self, doubt: float) -> float:
        """Return the share of real sentences whose doubt is at least this, in [0, 1]."""
        shares = np.linspace(1, 0, len(self.usual))
        return float(np.interp(doubt, self.usual, shares))

    def log_probs(self, sentences: Sequence[Sequence[str]]) -> list[Floats]:
        """Return for each sentence the log-probabilities of the labels at its gaps, (tokens + 1, labels)."""
        return [self.log_probs_of(self.keys(tokens)) for tokens in sentences]

    def log_probs_of(self, keys: Keys) -> Floats:
        """Return the same for the hashes of one sentence's tokens, (tokens, 3)."""
        # For itself: a sum over another number of rows may round in another way.
        gaps, weights = batch([keys], self._bits), self.weights
        vectors = weights["table"][gaps.rows].astype(np.float32).sum(axis=1)
        row = np.zeros((gaps.length, vectors.shape[1]), dtype=np.float32)
        row[gaps.places] = vectors
        hidden = _relu(_convolve(row, weights["c1"], weights["b1"]))
        hidden = _relu(_convolve(hidden, weights["c2"], weights["b2"]))[gaps.places]
        logits = np.concatenate([_relu(vectors), hidden], axis=1) @ weights["o"].T + weights["bo"]
        logits -= logits.max(axis=1, keepdims=True)
        found: Floats = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return found


def doubt(logs: Floats) -> float:
    """Return the doubt of a sentence in nats a gap: the mean of minus the log-probability that a gap is right."""
    return float(-logs[:, 0].mean())


def _convolve(row: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Convolve (length, in) with a kernel (out, in, WIDTH), zeros around, as torch's ``conv1d`` with padding does."""
    half = WIDTH // 2
    padded = np.pad(row, ((half, half), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WIDTH, axis=0)
    made: Floats = windows.reshape(len(row), -1) @ kernel.reshape(len(kernel), -1).T + bias
    return made


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def save_slips(model: SlipModel, folder: Path) -> None:
    """Write a model as JSON and safetensors into an existing folder."""
    facts = {
        "language": model.language,
        "classes": dict(model.lexicon.classes),
        "frequent": sorted(model.lexicon.frequent),
        "usual": model.usual,
    }
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    save_file({name: np.ascontiguousarray(value) for name, value in model.weights.items()}, folder / WEIGHTS)


def load_slips(folder: Path) -> SlipModel:
    """Read a model that ``save_slips`` wrote.

    Raises:
        UserError: The folder holds none.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS)
        lexicon = Lexicon(facts["classes"], frozenset(facts["frequent"]))
        return SlipModel(lexicon, weights, tuple(facts["usual"]), facts["language"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"its model of slips cannot be read ({error})", f"judge {folder}", "train it again") from error
