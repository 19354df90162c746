"""Rebuilds the evaluator: a small Stanza pipeline for Norwegian Bokmål without pretrained vectors.

Data: `no_bokmaal-ud-test.conllu` of UD_Norwegian-Bokmaal 2.16, from the Universal Dependencies release on
https://lindat.mff.cuni.cz or https://github.com/UniversalDependencies/UD_Norwegian-Bokmaal (tag r2.16).
The treebank is CC BY-SA 4.0, and so is the model made from it.

The first 90% of the sentences train, the rest choose the step that is kept. Stanza's own training modules do
the work, with its default seed, 1234, on the CPU; the options below are all that differs from their defaults.
The parser learns from gold tags and lemmas. No lemmatizer is trained: the resources name Stanza's *identity*
lemmatizer, because the parser asks for lemmas to exist.

    python -m saga_core.demo.rebuild.evaluator --treebank no_bokmaal-ud-test.conllu --out DIR

The outcome loads by `stanza.Pipeline("nb", dir=DIR, package="default",
processors="tokenize,pos,lemma,depparse", download_method=None)`.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from saga_core.demo.rebuild.inputs import require, split_treebank

LICENSE = "CC BY-SA 4.0"
PACKAGE = "saga"
PROCESSORS = ("tokenize", "pos", "depparse")

MODULES = {"tokenize": "tokenizer", "pos": "tagger", "depparse": "parser"}
STEPS = {"tokenize": 1200, "pos": 1200, "depparse": 900}
EVAL_EVERY = {"tokenize": 300, "pos": 300, "depparse": 150}
# How each module calls its step limit and its evaluation interval.
STEP_OPTIONS = {
    "tokenize": ("--steps", "--eval_steps"),
    "pos": ("--max_steps", "--eval_interval"),
    "depparse": ("--max_steps", "--eval_interval"),
}
FILES = {
    "tokenize": "--txt_file train.txt --label_file train.lab --mwt_json_file train.mwt.json "
    "--dev_txt_file dev.txt --dev_label_file dev.lab --dev_conll_gold dev.conllu --conll_file dev.tok.conllu",
    "pos": "--train_file train.conllu --eval_file dev.conllu --output_file dev.pos.conllu",
    "depparse": "--train_file train.conllu --eval_file dev.conllu --output_file dev.dep.conllu",
}
DIMENSIONS = {
    "tokenize": "--emb_dim 24 --hidden_dim 48 --max_seqlen 300 --batch_size 16",
    "pos": "--no_pretrain --word_emb_dim 64 --char_emb_dim 32 --char_hidden_dim 48 --transformed_dim 64 "
    "--hidden_dim 96 --num_layers 1 --deep_biaff_hidden_dim 96 --composite_deep_biaff_hidden_dim 48 "
    "--word_cutoff 0 --dropout 0.33 --lr 0.004 --batch_size 300",
    "depparse": "--no_pretrain --word_emb_dim 64 --char_emb_dim 24 --char_hidden_dim 40 --transformed_dim 48 "
    "--tag_emb_dim 32 --hidden_dim 96 --num_layers 2 --deep_biaff_hidden_dim 96 --deep_biaff_output_dim 96 "
    "--word_cutoff 0 --batch_size 500 --no_checkpoint",
}


def rebuild(treebank: Path, out: Path, max_steps: int | None = None) -> None:
    """Trains the three models and writes them as a Stanza resources folder.

    Args:
        treebank: The test part of UD_Norwegian-Bokmaal, in CoNLL-U.
        out: The resources folder, made if it does not exist.
        max_steps: Caps each model's training steps; None for the full training.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _prepare(treebank, work)
        for processor in PROCESSORS:
            _run(work, f"stanza.models.{MODULES[processor]}", _training_options(processor, max_steps))
            target = out / "nb" / processor
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(work / processor / f"{PACKAGE}.pt", target)
    text = json.dumps(_resources(out), indent=1, ensure_ascii=False)
    (out / "resources.json").write_text(f"{text}\n", encoding="utf-8")


def _prepare(treebank: Path, work: Path) -> None:
    """Writes the two parts of the treebank, and the running text and character labels the tokenizer reads."""
    split_treebank(treebank, work / "train.conllu", work / "dev.conllu")
    for part in ("train", "dev"):
        _run(work, "stanza.utils.datasets.conllu_to_text", [f"{part}.conllu", f"{part}.txt"])
        labels = [f"{part}.txt", f"{part}.conllu", "-o", f"./{part}.lab", "-m", f"{part}.mwt.json"]
        _run(work, "stanza.utils.datasets.prepare_tokenizer_data", labels)


def _run(work: Path, module: str, options: Sequence[str]) -> None:
    """Runs one of Stanza's modules inside the work folder."""
    # Checkpoints store their options: with relative names they do not depend on where the work folder is.
    subprocess.run([sys.executable, "-m", module, *options], cwd=work, check=True)


def _training_options(processor: str, max_steps: int | None) -> list[str]:
    """Returns the command line that trains one processor's model."""
    steps = STEPS[processor] if max_steps is None else min(max_steps, STEPS[processor])
    step_option, eval_option = STEP_OPTIONS[processor]
    common = f"--mode train --cpu --lang nb --shorthand nb_{PACKAGE} --save_dir {processor}"
    limits = f"{step_option} {steps} {eval_option} {min(EVAL_EVERY[processor], steps)}"
    options = f"{common} --save_name {PACKAGE}.pt {limits} {FILES[processor]} {DIMENSIONS[processor]}"
    return options.split()


def _resources(out: Path) -> dict[str, object]:
    """Returns the index by which Stanza finds the models, with their checksums."""
    package = {"tokenize": PACKAGE, "pos": PACKAGE, "lemma": "identity", "depparse": PACKAGE}
    models = {
        processor: {PACKAGE: {"md5": _md5(out / "nb" / processor), "url": "", "license": LICENSE}}
        for processor in PROCESSORS
    }
    head = {"lang_name": "Norwegian_Bokmaal", "default_processors": package, "packages": {"default": package}}
    return {"nb": {**head, **models}}


def _md5(folder: Path) -> str:
    """Returns the checksum Stanza expects of a model file."""
    return hashlib.md5((folder / f"{PACKAGE}.pt").read_bytes(), usedforsecurity=False).hexdigest()


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and rebuilds the evaluator.

    Args:
        argv: The arguments; those of the process if None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="evaluator", description="Rebuild the evaluator from UD Bokmaal.")
    parser.add_argument("--treebank", type=Path, required=True, help="no_bokmaal-ud-test.conllu")
    parser.add_argument("--out", type=Path, required=True, help="folder of the resources")
    parser.add_argument("--max-steps", type=int, help="cap on each model's training steps (full training)")
    args = parser.parse_args(argv)
    require(parser, args.treebank, "no_bokmaal-ud-test.conllu")
    rebuild(args.treebank, args.out, args.max_steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
