"""What every judge and every parser of Universal Dependencies offers, and how one is loaded from its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from saga_core.errors import UserError
from saga_core.judges.rules import Unit
from saga_core.judges.verdict import Sentence, Verdict
from saga_core.progress import Tick
from saga_core.recipe import ParserSettings


class Judge(Protocol):
    """A parser that tells whether texts are grammatical; what it says of one depends on that one alone."""

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        """Judge complete texts: prompt and continuation, already trimmed to complete sentences.

        Args:
            texts: The texts; a line break ends a sentence.
            tick: Called with 1 for each text that is done.

        Returns:
            One verdict a text, in order.
        """


class UDParser(Protocol):
    """A parser that makes trees of Universal Dependencies; those of a text depend on that text alone."""

    def parse(self, texts: Sequence[str]) -> Iterator[list[Sentence]]:
        """Parse texts, each line of ``text_lines`` for itself.

        Args:
            texts: The texts; a line break ends a sentence.

        Yields:
            For each text, in order, its sentences, those without a word included.
        """


def load_judge(
    settings: ParserSettings, language: str, unit: Unit, *, workers: int = 1, use_gpu: bool = False
) -> Judge:
    """Load a judge.

    Args:
        settings: Its kind and model, which is a package name, a language code (Stanza), a file (UDPipe) or a folder;
            of the kind ``treebank`` the folder of the trained pipeline.
        language: The recipe's language code; names the language inside a Stanza folder.
        unit: Whether all sentences of a text are judged or the first alone.
        workers: Processes to judge with; a Stanza judge on the GPU takes one.
        use_gpu: Whether Stanza may take the GPU; the others' small models are as fast without.

    Raises:
        UserError: The model is not there, or is no dependency parser; with what to do.
    """
    if settings.kind == "greynir":
        from saga_core.judges.greynir_judge import GreynirJudge

        return GreynirJudge(unit, workers)
    from saga_core.judges.ud_judge import UDJudge

    load = partial(load_parser, settings, language, use_gpu=use_gpu)
    if settings.kind == "stanza" and use_gpu:
        workers = 1
    return UDJudge(load, f"{settings.kind} model {settings.model}", unit, workers)


def load_parser(settings: ParserSettings, language: str, *, use_gpu: bool = False) -> UDParser:
    """Load a parser that makes trees of Universal Dependencies; the arguments are those of ``load_judge``.

    Raises:
        UserError: The model is not there, or is no dependency parser; with what to do.
    """
    if settings.model is None:
        remedy = "choose a parser of Universal Dependencies: spacy, stanza or udpipe"
        raise UserError("it makes no trees of Universal Dependencies", f"parser {settings.kind}", remedy)
    if settings.kind == "spacy":
        from saga_core.judges.spacy_parser import SpacyParser, load_spacy

        return SpacyParser(load_spacy(settings.model))
    if settings.kind == "treebank":
        from saga_core.judges.spacy_parser import SpacyParser
        from saga_core.judges.trained_pipeline import load_pipeline

        return SpacyParser(load_pipeline(Path(settings.model)))
    if settings.kind == "udpipe":
        from saga_core.judges.udpipe_parser import UDPipeParser

        return UDPipeParser(settings.model)
    from saga_core.judges.stanza_parser import StanzaParser

    return StanzaParser(settings.model, settings.package, language, use_gpu=use_gpu)
