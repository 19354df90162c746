"""Rebuilds the judge: a spaCy dependency parser for Norwegian Bokmål without word vectors.

Data: `no_bokmaal-ud-dev.conllu` of UD_Norwegian-Bokmaal 2.16, from the Universal Dependencies release on
https://lindat.mff.cuni.cz or https://github.com/UniversalDependencies/UD_Norwegian-Bokmaal (tag r2.16).
The treebank is CC BY-SA 4.0, and so is the model made from it.

The first 90% of the sentences train, the rest choose the step that is kept. The evaluator is trained on the
treebank's *test* part, so the two never share a sentence. Everything is seeded by spaCy's own default, 0.

    python -m saga_core.demo.rebuild.judge --treebank no_bokmaal-ud-dev.conllu --out DIR
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import spacy
from spacy.cli.convert import convert
from spacy.cli.init_config import init_config
from spacy.cli.train import train

from saga_core.demo.rebuild.inputs import require, split_treebank

MAX_STEPS = 2400
EVAL_FREQUENCY = 300
META = {
    "name": "saga_judge_ud_bokmaal_small",
    "description": "UD dependency parser for Norwegian Bokmaal, trained on UD_Norwegian-Bokmaal dev (90%), "
    "no word vectors",
    "license": "CC BY-SA 4.0",
    "sources": [{"name": "UD_Norwegian-Bokmaal 2.16", "license": "CC BY-SA 4.0"}],
}


def rebuild(treebank: Path, out: Path, max_steps: int = MAX_STEPS) -> None:
    """Trains the judge and writes it as a spaCy pipeline folder.

    Args:
        treebank: The dev part of UD_Norwegian-Bokmaal, in CoNLL-U.
        out: The pipeline's folder, made if it does not exist.
        max_steps: Training steps at most.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        split_treebank(treebank, work / "train.conllu", work / "dev.conllu")
        for part in ("train", "dev"):
            # Ten sentences a document, so that the parser also learns where sentences end.
            source = work / f"{part}.conllu"
            convert(source, work, converter="conllu", file_type="spacy", n_sents=10, lang="nb")
        config = init_config(lang="nb", pipeline=["morphologizer", "parser"], optimize="efficiency")
        config.to_disk(work / "config.cfg")
        overrides = {
            "paths.train": str(work / "train.spacy"),
            "paths.dev": str(work / "dev.spacy"),
            "training.max_steps": max_steps,
            "training.eval_frequency": min(EVAL_FREQUENCY, max_steps),
            # All the steps are taken, whatever the score does meanwhile.
            "training.patience": 0,
        }
        train(work / "config.cfg", work, overrides=overrides)
        nlp = spacy.load(work / "model-best")
    nlp.meta.update(META)
    # The temporary folder's name must not be part of what is published.
    nlp.config["paths"].update(train=None, dev=None)
    nlp.to_disk(out)


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and rebuilds the judge.

    Args:
        argv: The arguments; those of the process if None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="judge", description="Rebuild the judge from UD Bokmaal.")
    parser.add_argument("--treebank", type=Path, required=True, help="no_bokmaal-ud-dev.conllu")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pipeline")
    parser.add_argument("--max-steps", type=int, default=MAX_STEPS, help="training steps (%(default)s)")
    args = parser.parse_args(argv)
    require(parser, args.treebank, "no_bokmaal-ud-dev.conllu")
    rebuild(args.treebank, args.out, args.max_steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
