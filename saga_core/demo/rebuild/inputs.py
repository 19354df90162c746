"""What the rebuild scripts share: checking the path they are given and splitting a treebank."""

import argparse
from pathlib import Path

TRAIN_PERCENT = 90


def require(parser: argparse.ArgumentParser, path: Path, what: str) -> None:
    """Ends the program with one line and exit code 2 if an input does not exist.

    Args:
        parser: The script's parser, which names the script in the message.
        path: The input given on the command line.
        what: What the path should hold, in words.
    """
    if not path.exists():
        parser.exit(2, f"{parser.prog}: no such file: {path} (expected {what})\n")


def split_treebank(treebank: Path, train: Path, dev: Path) -> None:
    """Writes the first 90% of a treebank's sentences to one file and the rest to another.

    Args:
        treebank: A CoNLL-U file.
        train: Where the first part goes.
        dev: Where the rest goes; it only chooses the training step that is kept.
    """
    sentences = treebank.read_text(encoding="utf-8").strip().split("\n\n")
    cut = len(sentences) * TRAIN_PERCENT // 100
    for path, part in ((train, sentences[:cut]), (dev, sentences[cut:])):
        path.write_text("".join(f"{sentence}\n\n" for sentence in part), encoding="utf-8")
