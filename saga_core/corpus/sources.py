"""Reading documents: JSON Lines, plain text or a data set on the Hub, one document at a time."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from saga_core.errors import UserError
from saga_core.outside import Outside
from saga_core.recipe import TextSource


def read_documents(source: TextSource, pin: Outside, seed: int) -> Iterator[str]:
    """Read the texts of a source's documents.

    Args:
        source: What to read.
        pin: Where it is, pinned.
        seed: Seed of the sample of a Hub data set; a file is read from its start.

    Raises:
        UserError: A file that is no UTF-8, no JSON or lacks the field; with file and line.
    """
    documents = _from_hub(source, pin, seed) if source.hub else _from_file(source, Path(pin.location))
    return islice(documents, source.limit)


def _from_file(source: TextSource, path: Path) -> Iterator[str]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        for number, line in read_lines(path):
            if line.strip():
                yield json_field(path, number, line, source.field)
    elif name.endswith(".txt"):
        # Blank lines part the documents of a plain text.
        paragraph: list[str] = []
        for _, line in read_lines(path):
            if line.strip():
                paragraph.append(line)
            elif paragraph:
                yield "\n".join(paragraph)
                paragraph = []
        if paragraph:
            yield "\n".join(paragraph)
    else:
        raise UserError("unknown kind of text file", str(path), "give .jsonl or .txt, either of them also as .gz")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a text file, also a gzipped one, line by line; lines are counted from 1.

    Raises:
        UserError: The file is not UTF-8 (file and line), or is damaged.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                # Some editors begin a file with a byte order mark, which is no text.
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, line.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start} of the line"
        raise UserError(what, f"{path}:{number}", "convert the file to UTF-8 (iconv -t UTF-8)") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"damaged gzip file: {error}", f"{path}:{number + 1}", "fetch the file again") from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror or error}", str(path), "check the file") from error


def json_field(path: Path, number: int, line: str, field: str) -> str:
    """Return a string field of one line of JSON.

    Raises:
        UserError: The line is no JSON object or lacks the field; with file and line.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"not JSON: {error}", f"{path}:{number}", "give one JSON object a line") from error
    text = value.get(field) if isinstance(value, dict) else None
    if isinstance(text, str):
        check_characters(text, f"{path}:{number}")
    if not isinstance(text, str):
        fields = f"has {', '.join(sorted(value)) or 'nothing'}" if isinstance(value, dict) else "is no object"
        if isinstance(value, dict) and field in value:
            fields = f"has a {type(value[field]).__name__} there"
        raise UserError(
            f"no text in the field {field}: the line {fields}", f"{path}:{number}", "name the field in corpus.sources"
        )
    return text


def check_characters(text: str, where: str) -> None:
    """Refuse a text with half a surrogate pair, which JSON can escape and no tokenizer or table can take.

    Raises:
        UserError: It has one.
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise UserError("half a surrogate pair, which is no character", where, "correct the escape")


def _from_hub(source: TextSource, pin: Outside, seed: int) -> Iterator[str]:
    # The hub's client is large, and only recipes that name the Hub need it.
    from datasets import load_dataset

    rows = load_dataset(pin.location, source.config, split=source.split, revision=pin.revision, streaming=True)
    # A dump begins with its oldest articles: a sample must not be its beginning.
    for row in rows.shuffle(seed=seed, buffer_size=10_000):
        if not isinstance(row.get(source.field), str):
            raise UserError(f"no text in the field {source.field}", f"{pin.location}", f"it has {', '.join(row)}")
        yield row[source.field]
