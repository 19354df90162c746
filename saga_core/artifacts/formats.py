"""The formats of an artifact's files. None runs code when it is read, and a file must be what its name says."""

from __future__ import annotations

from pathlib import Path

# Larger ones would be read into memory whole.
LARGEST_TEXT = 64 << 20

_PARQUET = b"PAR1"
_PNG = b"\x89PNG\r\n\x1a\n"
_SAFETENSORS_HEADER = 100_000_000
_JSON_BEGINS = b'{["-0123456789tfn'


def _is_parquet(head: bytes, size: int) -> bool:
    return head.startswith(_PARQUET)


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and length <= min(_SAFETENSORS_HEADER, size - 8)


def _is_json(head: bytes, size: int) -> bool:
    return size <= LARGEST_TEXT and head.lstrip()[:1] != b"" and head.lstrip()[0] in _JSON_BEGINS


def _is_png(head: bytes, size: int) -> bool:
    return head.startswith(_PNG)


def _is_text(head: bytes, size: int) -> bool:
    return b"\0" not in head


def _is_markdown(head: bytes, size: int) -> bool:
    return size <= LARGEST_TEXT and _is_text(head, size)


FORMATS = {
    ".parquet": _is_parquet,
    ".safetensors": _is_safetensors,
    ".json": _is_json,
    ".png": _is_png,
    ".md": _is_markdown,
    ".txt": _is_text,
}


def is_what_it_says(file: Path) -> bool:
    """Say whether a file begins as its suffix promises; a pickle under another name does not.

    Args:
        file: A file with one of the suffixes in ``FORMATS``.
    """
    with file.open("rb") as opened:
        head = opened.read(64)
    return FORMATS[file.suffix](head, file.stat().st_size)
