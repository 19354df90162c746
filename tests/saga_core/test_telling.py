import pytest

from saga_core.errors import UserError
from saga_core.telling import printable, tell


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "a\rb", "\u202e", "\ud800", "\x00"])
def test_nothing_that_is_told_moves_the_cursor(capsys: pytest.CaptureFixture[str], text: str) -> None:
    tell(f"before {text} after")
    told = capsys.readouterr().err
    assert told.startswith("before ")
    assert told.endswith(" after\n")
    assert told.rstrip("\n").isprintable()
    assert printable(text).isprintable()
    assert str(UserError(text, text, text)).isprintable()


def test_what_people_write_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tell("blåbær [/x] 名前")
    assert capsys.readouterr().err == "blåbær [/x] 名前\n"
