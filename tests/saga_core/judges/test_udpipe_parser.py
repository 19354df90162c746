from __future__ import annotations

from pathlib import Path

import pytest
from small_parsers import TAGGER, train_udpipe

from saga_core.errors import UserError
from saga_core.judges.udpipe_parser import UDPipeParser


def test_a_missing_file_and_one_that_is_no_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.udpipe").write_text("Hun leser boka.")
    for name in ("none.udpipe", "text.udpipe", "."):
        with pytest.raises(UserError, match=r"it cannot be loaded; give the \.udpipe file of a model") as raised:
            UDPipeParser(str(tmp_path / name))
        assert raised.value.where == f"UDPipe model {tmp_path / name}"


BRIEF = "epochs=1;batch_size=50;segment_size=10;dimension=16"


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        (("none", TAGGER, "none"), "tokenizer"),
        ((BRIEF, "none", "none"), "tagger"),
        ((BRIEF, TAGGER, "none"), "parser"),
    ],
)
def test_a_model_that_lacks_a_part_is_refused(tmp_path: Path, parts: tuple[str, str, str], missing: str) -> None:
    path = train_udpipe(tmp_path / "part.udpipe", 5, *parts)
    with pytest.raises(UserError, match=f"the model has no {missing}"):
        UDPipeParser(str(path))
