"""The UDPipe parser: a small and fast UD pipeline in one file, of which there is one for most treebanks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ufal import udpipe

from saga_core.errors import UserError
from saga_core.judges.rules import text_lines
from saga_core.judges.verdict import Sentence, Token

_REMEDY = "give the .udpipe file of a model with tokenizer, tagger and parser"


class UDPipeParser:
    """Parses by a UDPipe 1 model, line by line.

    Args:
        model: Path of a ``.udpipe`` file.

    Raises:
        UserError: The file holds no model, or a model without tokenizer, tagger or parser.
    """

    def __init__(self, model: str) -> None:
        self._model = udpipe.Model.load(model)
        if self._model is None:
            raise UserError("it cannot be loaded", f"UDPipe model {model}", _REMEDY)
        self._tokenizer = self._model.newTokenizer(udpipe.Model.DEFAULT)
        if missing := self._missing():
            raise UserError(f"the model has no {missing}", f"UDPipe model {model}", _REMEDY)

    def parse(self, texts: Sequence[str]) -> Iterator[list[Sentence]]:
        """Parse texts; see ``UDParser.parse``."""
        for text in texts:
            yield [sentence for line in text_lines(text) for sentence in self._line(line)]

    def _line(self, line: str) -> Iterator[Sentence]:
        self._tokenizer.setText(line)
        error = udpipe.ProcessingError()
        while self._tokenizer.nextSentence(sentence := udpipe.Sentence(), error):
            self._model.tag(sentence, udpipe.Model.DEFAULT, error)
            self._model.parse(sentence, udpipe.Model.DEFAULT, error)
            # The first word is the root above the root.
            yield Sentence(sentence.getText(), tuple(_token(word) for word in list(sentence.words)[1:]))

    def _missing(self) -> str:
        if self._tokenizer is None:
            return "tokenizer"
        sentence, error = udpipe.Sentence(), udpipe.ProcessingError()
        sentence.addWord("a")
        if not self._model.tag(sentence, udpipe.Model.DEFAULT, error):
            return "tagger"
        return "" if self._model.parse(sentence, udpipe.Model.DEFAULT, error) else "parser"


def _token(word: udpipe.Word) -> Token:
    feats = dict(pair.split("=", 1) for pair in word.feats.split("|")) if word.feats else {}
    return Token(word.form, word.upostag or "X", feats, word.head, word.deprel)
