"""Tags the demo's articles with the demo's evaluator: the silver treebank from which ScaLA pairs are built.

Usage: ``python -m saga_core.demo.rebuild.treebank --out articles.conllu``

The text is our own; the tags are the Stanza evaluator's and carry its errors (UPOS 93.9 on held-out gold sentences).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import stanza

from saga_core.demo import DEMO_MODELS, DEMO_TEXT


def tag_articles(articles: Path, out: Path) -> int:
    """Tag and parse every article and write CoNLL-U.

    Args:
        articles: JSON Lines with ``text``.
        out: File to write.

    Returns:
        The number of sentences.
    """
    parser = stanza.Pipeline(
        "nb",
        dir=str(DEMO_MODELS / "nb-stanza-evaluator"),
        package="default",
        processors="tokenize,pos,lemma,depparse",
        download_method=None,
        use_gpu=False,
        verbose=False,
    )
    count = 0
    with out.open("w", encoding="utf-8") as file:
        for line in articles.read_text(encoding="utf-8").splitlines():
            # A paragraph at a time, as the judges read: a line break ends a sentence.
            for paragraph in json.loads(line)["text"].split("\n"):
                document = parser(paragraph)
                for sentence in document.sentences:
                    count += 1
                    sentence.sent_id = f"demo-{count}"
                file.write("".join(_lean(line) + "\n" for line in f"{document:C}".split("\n")) + "\n")
    return count


def _lean(line: str) -> str:
    """Drop lemma, language-specific tag and offsets: the lemmas are the forms, and nothing here reads the others."""
    columns = line.split("\t")
    if len(columns) == 10:
        columns[2] = columns[4] = columns[9] = "_"
    return "\t".join(columns)


def main() -> None:
    """Read the arguments and write the treebank."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True, help="CoNLL-U file to write")
    given = arguments.parse_args()
    print(f"{tag_articles(DEMO_TEXT / 'articles.jsonl', given.out)} sentences")


if __name__ == "__main__":
    main()
