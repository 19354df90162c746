"""What every judge offers, and how one is loaded from its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from saga_core.judges.rules import Unit
from saga_core.judges.verdict import Token, Verdict
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

    def parse(self, text: str) -> list[list[Token]]:
        """Parse one text into its sentences, those without a word included."""


def load_judge(
    settings: ParserSettings, language: str, unit: Unit, *, workers: int = 1, use_gpu: bool = False
) -> Judge:
    """Load a judge.

    Args:
        settings: Its kind and model; the model is a package name, a language code (Stanza) or a folder.
        language: The recipe's language code; names the language inside a Stanza folder.
        unit: Whether all sentences of a text are judged or the first alone.
        workers: Processes of a spaCy judge; Stanza takes none.
        use_gpu: Whether Stanza may take the GPU; spaCy's small pipelines are as fast without.

    Raises:
        UserError: The model is not there, or is no dependency parser; with the command that installs it.
    """
    assert settings.model is not None
    if settings.kind == "spacy":
        from saga_core.judges.spacy_judge import SpacyJudge

        return SpacyJudge(settings.model, unit, workers)
    from saga_core.judges.stanza_judge import StanzaJudge

    return StanzaJudge(settings.model, settings.package, language, unit, use_gpu=use_gpu)
