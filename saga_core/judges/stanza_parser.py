"""The Stanza parser: a neural UD pipeline, as a rule the evaluator that takes no part in the training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import stanza
from stanza.pipeline.core import PipelineRequirementsException
from stanza.resources.common import DEFAULT_MODEL_DIR

from saga_core.errors import UserError
from saga_core.judges.rules import text_lines
from saga_core.judges.verdict import Sentence, Token

_PROCESSORS = ("tokenize", "pos", "lemma", "depparse")


class StanzaParser:
    """Parses by a Stanza pipeline, line by line: a batch may change its answer (stanza issue 1472).

    Args:
        model: A language code, with its models in Stanza's own folder; or a folder with ``resources.json``
            and one sub-folder a language.
        package: The package of that language, such as ``default`` or ``modern``.
        language: Language code inside a folder; a code given as ``model`` comes first.
        use_gpu: Whether to run on the GPU.

    Raises:
        UserError: The models are not there, or one of tokenize, pos, lemma and depparse is not among them.
    """

    def __init__(self, model: str, package: str, language: str, *, use_gpu: bool = False) -> None:
        self._nlp = _load(model, package, language, use_gpu)

    def parse(self, texts: Sequence[str]) -> Iterator[list[Sentence]]:
        """Parse texts; see ``UDParser.parse``."""
        for text in texts:
            yield [
                Sentence(sentence.text, tuple(_token(word) for word in sentence.words))
                for line in text_lines(text)
                for sentence in self._nlp(line).sentences
            ]


def _token(word: Any) -> Token:  # noqa: ANN401 - Stanza has no types
    feats = dict(pair.split("=", 1) for pair in word.feats.split("|")) if word.feats else {}
    return Token(word.text, word.upos or "X", feats, word.head, word.deprel)


def _load(model: str, package: str, language: str, use_gpu: bool) -> Any:  # noqa: ANN401 - Stanza has no types
    # verbose=False quiets the loading only; this quiets what comes after it too.
    logging.getLogger("stanza").setLevel(logging.ERROR)
    code, folder, where, remedy = _place(model, package, language)
    try:
        nlp = stanza.Pipeline(
            code,
            dir=folder,
            package=package,
            processors=",".join(_PROCESSORS),
            download_method=None,
            use_gpu=use_gpu,
            verbose=False,
        )
    except PipelineRequirementsException as error:
        raise UserError("it lacks a processor that the others need", where, remedy) from error
    except Exception as error:
        # A damaged file makes Stanza raise anything, and all of it means one thing to the user.
        raise UserError(f"it cannot be loaded ({error or type(error).__name__})", where, remedy) from error
    # Stanza leaves out a processor whose package it does not know, with no more than a warning.
    if missing := [name for name in _PROCESSORS if name not in nlp.processors]:
        raise UserError(f"it has no {', '.join(missing)}", where, remedy)
    return nlp


def _place(model: str, package: str, language: str) -> tuple[str, str, str, str]:
    """Return the language code and folder of a model, and for an error: where it is, and the remedy."""
    if (Path(model) / "resources.json").is_file():
        remedy = f"give a package whose {', '.join(_PROCESSORS)} are all in the folder"
        return language, model, f"Stanza package {package} of {language} in {model}", remedy
    if Path(model).name != model:
        remedy = "give a folder that has one, or a language code"
        raise UserError("there is no resources.json", f"Stanza folder {model}", remedy)
    named = "" if package == "default" else f", package='{package}'"
    remedy = f"run: python -c \"import stanza; stanza.download('{model}'{named})\""
    return model, DEFAULT_MODEL_DIR, f"Stanza package {package} of {model}", remedy
