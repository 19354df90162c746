"""A spaCy pipeline that SAGA trained, as files that nothing is executed from.

    pipeline.json         language, labels, version of spaCy
    weights.safetensors   every parameter, named COMPONENT/NODE/PARAMETER

spaCy's own folders hold a configuration, which names functions to call. Here code builds the pipeline, and the files
fill it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from confection import Config
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.model import Model

from saga_core.errors import UserError

FACTS = "pipeline.json"
WEIGHTS = "weights.safetensors"
TRAINABLE = ("morphologizer", "parser")

_WORDS = ("a", "b")


def configuration(language: str) -> Config:
    """Return spaCy's configuration for training a UD pipeline: tok2vec, morphologizer and parser.

    Args:
        language: A code that spaCy has rules of tokenization for, else the language-neutral rules are taken.
    """
    config: Config = init_config(lang=spacy_language(language), pipeline=list(TRAINABLE), optimize="efficiency")
    # By default a relation that the treebank has less than 30 times becomes "dep": of a small one, most subjects.
    config["components"]["parser"]["min_action_freq"] = 1
    return config


def spacy_language(language: str) -> str:
    """Return the code under which spaCy knows a language; ``xx`` for one that it does not know."""
    try:
        spacy.util.get_lang_class(language)
    except ImportError:
        return "xx"
    return language


def save_pipeline(nlp: Language, folder: Path) -> None:
    """Write a pipeline.

    Args:
        nlp: Made by ``configuration``, and trained.
        folder: Existing folder.
    """
    labels = {name: _as_json(nlp.get_pipe(name).label_data) for name in TRAINABLE}
    # In their order, which is that of the outputs.
    facts = {"language": nlp.lang, "spacy": spacy.__version__, "labels": labels}
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
    save_file({name: np.ascontiguousarray(model.get_param(key)) for name, model, key in _params(nlp)}, folder / WEIGHTS)


def load_pipeline(folder: Path) -> Language:
    """Read a pipeline that ``save_pipeline`` wrote.

    Raises:
        UserError: The folder holds none, or one of another version of spaCy.
    """
    where = f"trained judge {folder}"
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        language, labels, version = facts["language"], facts["labels"], facts["spacy"]
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"it cannot be read ({error})", where, "train it again: saga judge train") from error
    nlp = spacy.util.load_model_from_config(configuration(language), auto_fill=True)
    for name in nlp.pipe_names:
        known = {"labels": labels[name]} if name in TRAINABLE else {}
        nlp.get_pipe(name).initialize(lambda: [_blank_example(nlp)], nlp=nlp, **known)
    found = {name: (model, key) for name, model, key in _params(nlp)}
    fitting = found.keys() == weights.keys() and all(
        model.get_param(key).shape == weights[name].shape for name, (model, key) in found.items()
    )
    if not fitting:
        what = f"it was trained with spaCy {version}, and this is {spacy.__version__}"
        raise UserError(what, where, "train it again: saga judge train")
    for name, (model, key) in found.items():
        model.set_param(key, weights[name])
    return nlp


def _params(nlp: Language) -> Iterator[tuple[str, Model[Any, Any], str]]:
    for name, component in nlp.pipeline:
        for i, node in enumerate(component.model.walk()):
            # A listener has the tok2vec's own nodes below it in no pipeline of ours.
            for key in node.param_names:
                if node.has_param(key):
                    yield f"{name}/{i}/{key}", node, key


def _as_json(labels: Any) -> Any:  # noqa: ANN401 - spaCy's own form
    return json.loads(json.dumps(labels))


def _blank_example(nlp: Language) -> Example:
    words = list(_WORDS)
    doc = Doc(nlp.vocab, words=words, heads=[0, 0], deps=["ROOT", "dep"], pos=["NOUN", "NOUN"], morphs=["", ""])
    return Example(Doc(nlp.vocab, words=words), doc)
