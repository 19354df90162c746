"""Universal Dependencies treebanks: CoNLL-U files, read sentence by sentence, refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import conllu
from conllu.exceptions import ParseException
from conllu.models import Token as ConlluToken

from saga_core.errors import UserError
from saga_core.judges.verdict import Token

UPOS = frozenset(
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()  # noqa: SIM905
)

NO_LEMMA = "_"

_COLUMNS = 10


@dataclass(frozen=True)
class TreebankSentence:
    """A sentence of a treebank.

    Attributes:
        text: As written.
        forms: Its surface tokens; a multiword token is one.
        upos: Part of speech of each; a multiword token has that of its first word.
        words: Its syntactic words with their tree.
        lemmas: Lemma of each syntactic word; ``NO_LEMMA`` where the treebank has none.
        conllu: Its lines, without comments and with nothing in MISC but ``SpaceAfter=No``.
    """

    text: str
    forms: tuple[str, ...]
    upos: tuple[str, ...]
    words: tuple[Token, ...]
    lemmas: tuple[str, ...] = ()
    conllu: str = ""


def read_treebank(path: Path | str) -> list[TreebankSentence]:
    """Read the sentences of a CoNLL-U file.

    Raises:
        UserError: The file is not there or is no CoNLL-U; with the line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the treebank cannot be read: {error}", str(path), "give a CoNLL-U file") from error
    sentences = [_sentence(path, start, block) for start, block in _blocks(lines)]
    if not sentences:
        raise UserError("the treebank holds no sentence", str(path), "give a CoNLL-U file")
    return sentences


def join_tokens(forms: Iterable[str]) -> str:
    """Join tokens on spaces, none before closing punctuation and none after opening brackets."""
    text = re.sub(r" ([.,;:)\]}?!])", r"\1", " ".join(forms))
    return re.sub(r"([(\[{]) ", r"\1", text)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each run of lines that are not blank, with the number of its first."""
    block: list[str] = []
    for number, line in enumerate((*lines, ""), 1):
        if line.strip():
            block.append(line.rstrip("\r"))
        elif block:
            yield number - len(block), block
            block = []


def _sentence(path: Path | str, start: int, block: Sequence[str]) -> TreebankSentence:
    numbers = [number for number, line in enumerate(block, start) if not line.startswith("#")]
    for number in numbers:
        columns = block[number - start].count("\t") + 1
        if columns != _COLUMNS:
            raise _wrong(f"{columns} columns in place of {_COLUMNS}", path, number)
    if not numbers:
        raise _wrong("a sentence without tokens", path, start)
    try:
        parsed = _parsed(block, path, start)
    except UserError:
        # One by one, for the library does not say in which line a mistake is.
        for number in numbers:
            _parsed([block[number - start]], path, number)
        raise
    forms: list[str] = []
    upos: list[str] = []
    words: list[tuple[int, ConlluToken]] = []
    within = 0
    for number, token in zip(numbers, parsed, strict=True):
        if not token["form"]:
            raise _wrong("a token without a form", path, number)
        match token["id"]:
            case (first, "-", last):
                if first != len(words) + 1 or last <= first or first <= within:
                    raise _wrong(f"the range {first}-{last} begins with no next word", path, number)
                within = last
                forms.append(token["form"])
            case (_, ".", _):
                pass
            case position:
                if position != len(words) + 1:
                    raise _wrong(f"word {position} where {len(words) + 1} should stand", path, number)
                words.append((number, token))
                if position > within:
                    forms.append(token["form"])
                # The words of a multiword token: the first gives it its part of speech.
                if len(upos) < len(forms):
                    upos.append(token["upos"])
    if within > len(words):
        raise _wrong(f"a range that ends with word {within}, where there are {len(words)}", path, numbers[-1])
    tree = tuple(_word(token, path, number) for number, token in words)
    lemmas = tuple(token["lemma"] or NO_LEMMA for _, token in words)
    _check_tree(tree, [number for number, _ in words], path)
    return TreebankSentence(
        parsed.metadata.get("text") or join_tokens(forms), tuple(forms), tuple(upos), tree, lemmas, _plain(block)
    )


def _plain(block: Sequence[str]) -> str:
    rows = (line.split("\t") for line in block if not line.startswith("#"))
    return "\n".join(
        "\t".join((*row[:-1], "SpaceAfter=No" if "SpaceAfter=No" in row[-1].split("|") else "_")) for row in rows
    )


def _parsed(lines: Sequence[str], path: Path | str, number: int) -> conllu.TokenList:
    try:
        (parsed,) = conllu.parse("\n".join(lines) + "\n\n")
    except (ParseException, ValueError) as error:
        raise _wrong(f"not CoNLL-U: {error}", path, number) from error
    return parsed


def _word(token: ConlluToken, path: Path | str, number: int) -> Token:
    if token["upos"] not in UPOS:
        raise _wrong(f"{token['upos']!r} is no universal part of speech", path, number)
    if token["head"] is None or not token["deprel"] or token["deprel"] == "_":
        raise _wrong("a word without head or relation", path, number)
    feats = token["feats"] or {}
    if nameless := [name for name, value in feats.items() if not value]:
        raise _wrong(f"the feature {nameless[0]!r} has no value", path, number)
    return Token(token["form"], token["upos"], feats, token["head"], token["deprel"])


def _check_tree(words: Sequence[Token], numbers: Sequence[int], path: Path | str) -> None:
    """Refuse what is no tree: one root, every head a word, no way that ends nowhere."""
    roots = [number for number, word in zip(numbers, words, strict=True) if word.head == 0]
    if not roots:
        raise _wrong("a sentence without a root", path, numbers[0])
    if len(roots) > 1:
        raise _wrong("a second root in one sentence", path, roots[1])
    for number, word in zip(numbers, words, strict=True):
        if word.head > len(words):
            raise _wrong(f"head {word.head} in a sentence of {len(words)} words", path, number)
    for number, word in zip(numbers, words, strict=True):
        above, steps = word, 0
        while above.head and steps <= len(words):
            above, steps = words[above.head - 1], steps + 1
        if above.head:
            raise _wrong("heads that lead round in a circle", path, number)


def _wrong(what: str, path: Path | str, number: int) -> UserError:
    return UserError(what, f"{path}:{number}", "correct the file")
