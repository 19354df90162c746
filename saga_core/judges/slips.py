"""Slips: what is wrong between two neighbouring tokens of a sentence, by a model of raw text.

A parser parses anything, also words in random order. This model has learned what real text does not do: it looks at
every *gap*, before a token, between two, and after the last, and says how likely it is that

* ``missing``: a word was left out here,
* ``order``: the words beside it are not in their order,
* ``repeated``: what stood before is said again,
* ``form``: the token after it has a wrong form of its word.

and of the whole sentence how likely it is that there is any slip in it.

The model is hashed n-grams, after Joulin et al. 2017 ("Bag of Tricks for Efficient Text Classification", EACL), whose
vectors at each gap a bidirectional LSTM reads (``slip_network.py``); it learns from real sentences and the same with
one slip made, as ELECTRA (Clark et al. 2020, ICLR) learns from replaced tokens. A token is seen as its word, as its
*fine* class (part of speech and features) and as its *coarse* class (part of speech), each from a lexicon and not from
its sentence: so a slip does not change how its neighbours are seen.
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
from saga_core.judges.slip_network import Floats, Look, look

FACTS = "slips.json"
WEIGHTS = "slips.safetensors"

LABELS = ("none", "missing", "order", "repeated", "form")

# Free places around a sentence, so that no n-gram reaches into the next.
_PAD = 8
_BEGIN, _END, _NOTHING = 2, 12, 1
# Words that are rarer in the text than this are seen by their ending.
RARE = 3

_LONGEST_ENDING = 5

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

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Lexicon:
    """How tokens are seen, whatever their sentence.

    Attributes:
        classes: Fine class of each known word in lower case, such as ``NOUN|Gender=Fem|Number=Sing``.
        endings: That of most words with an ending, by which a word that is not known is classed.
        frequent: Words that are seen as themselves.
    """

    classes: Mapping[str, str]
    endings: Mapping[str, str]
    frequent: frozenset[str]

    def class_of(self, word: str) -> str | None:
        """Return the fine class of a word in lower case, if it or its ending is known."""
        known = self.classes.get(word)
        if known is not None or not word[-1:].isalpha():
            return known
        return next((found for ending in endings_of(word) if (found := self.endings.get(ending))), None)

    def keys(self, token: str) -> tuple[int, int, int]:
        """Return the hashes of a token as word, fine class and coarse class."""
        word = token.lower()
        fine = self.class_of(word)
        ending = word[-3:] if word[-1:].isalnum() else f" {word}"
        if fine is None:
            fine, coarse = ("9", "9") if word[:1].isdigit() else (f"?{ending}", f"?{ending[-2:]}")
        else:
            coarse = fine.partition("|")[0]
        seen = word if word in self.frequent else f"#{word[-4:]}"
        return _hash(f"w{seen}"), _hash(f"f{fine}"), _hash(f"c{coarse}")


def endings_of(word: str) -> list[str]:
    """Return the endings of a word by which it is classed, the longest first."""
    return [word[-letters:] for letters in range(min(_LONGEST_ENDING, len(word) - 1), 0, -1)]


def rows_of(sentences: Sequence[Keys], bits: int) -> NDArray[np.int64]:
    """Return for each gap the rows of its n-grams in the table, (gaps of all sentences, templates).

    Args:
        sentences: Hashes of the tokens of each, (tokens, 3).
        bits: Logarithm of the number of rows of the table.
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
    return rows


@dataclass(frozen=True)
class SlipModel:
    """The trained model.

    Attributes:
        lexicon: How tokens are seen.
        weights: ``table`` (rows, D), a vector for each n-gram, and those of ``slip_network.look``.
        language: Code of the language, whose rules cut a sentence into tokens.
    """

    lexicon: Lexicon
    weights: Mapping[str, Floats]
    language: str

    @cached_property
    def _bits(self) -> int:
        return int(self.weights["table"].shape[0]).bit_length() - 1

    def keys(self, tokens: Sequence[str]) -> Keys:
        """Return the hashes of tokens, (tokens, 3)."""
        return np.array([self.lexicon.keys(token) for token in tokens], dtype=np.uint64).reshape(-1, 3)

    def look(self, tokens: Sequence[str]) -> Look:
        """Return what is seen in a sentence."""
        return self.look_at(self.keys(tokens))

    def look_at(self, keys: Keys) -> Look:
        """Return the same for the hashes of a sentence's tokens, (tokens, 3)."""
        # For itself: a sum over another number of rows may round in another way.
        rows = rows_of([keys], self._bits)
        return look(self.weights["table"][rows].astype(np.float32).sum(axis=1), self.weights)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def save_slips(model: SlipModel, folder: Path) -> None:
    """Write a model as JSON and safetensors into an existing folder."""
    facts = {
        "language": model.language,
        "classes": dict(model.lexicon.classes),
        "endings": dict(model.lexicon.endings),
        "frequent": sorted(model.lexicon.frequent),
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
        lexicon = Lexicon(facts["classes"], facts["endings"], frozenset(facts["frequent"]))
        return SlipModel(lexicon, weights, facts["language"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"its model of slips cannot be read ({error})", f"judge {folder}", "train it again") from error
