"""The examples of README.md."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """Return the arguments of every call of a program, comments dropped."""
    lines = [line.split("#")[0].split() for block in blocks("sh") for line in block.splitlines()]
    return [line[1:] for line in lines if line[:1] == [program]]
