"""Parsers small enough for tests: those of the demo, and a UDPipe model that is trained on its treebank."""

from __future__ import annotations

from pathlib import Path

from ufal import udpipe

from saga_core.demo import DEMO_MODELS, DEMO_TEXT
from saga_core.recipe import ParserSettings

# Quick to train; it has to be a parser, not a good one.
TOKENIZER = "epochs=2;batch_size=10;segment_size=20;dimension=16;learning_rate=0.01"
TAGGER = "models=1;templates_1=tagger;guesser_suffix_rules_1=6;iterations_1=3"
PARSER = (
    "iterations=4;hidden_layer=50;batch_size=10;learning_rate=0.02;embedding_upostag=20;embedding_feats=20;"
    "embedding_form=20;embedding_deprel=20;transition_system=projective;transition_oracle=static;structured_interval=0"
)

SPACY = ParserSettings(kind="spacy", model=str(DEMO_MODELS / "nb-spacy-judge"))
STANZA = ParserSettings(kind="stanza", model=str(DEMO_MODELS / "nb-stanza-evaluator"))
GREYNIR = ParserSettings(kind="greynir")


def train_udpipe(path: Path, sentences: int, tokenizer: str, tagger: str, parser: str) -> Path:
    """Train a UDPipe model on the first sentences of the demo's treebank."""
    blocks = (DEMO_TEXT / "articles.conllu").read_text(encoding="utf-8").split("\n\n")[:sentences]
    reader = udpipe.InputFormat.newConlluInputFormat()
    reader.setText("\n\n".join(_with_spaces(block) for block in blocks) + "\n\n")
    treebank = udpipe.Sentences()
    while reader.nextSentence(sentence := udpipe.Sentence()):
        treebank.append(sentence)
    error = udpipe.ProcessingError()
    none = udpipe.Sentences()
    model = udpipe.Trainer.train("morphodita_parsito", treebank, none, tokenizer, tagger, parser, error)
    assert not error.occurred(), error.message
    path.write_bytes(model)
    return path


def _with_spaces(block: str) -> str:
    """Say after which words no space stands, which a tokenizer is to learn and the treebank tells by its text alone."""
    rows = block.split("\n")
    rest = next(row for row in rows if row.startswith("# text = ")).removeprefix("# text = ")
    for i, row in enumerate(rows):
        if not row.startswith("#"):
            columns = row.split("\t")
            rest = rest.removeprefix(columns[1])
            columns[9] = "_" if rest.startswith(" ") else "SpaceAfter=No"
            rest = rest.lstrip()
            rows[i] = "\t".join(columns)
    return "\n".join(rows)
