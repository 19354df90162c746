"""What a store's texts are shown as: every character has its place, and none moves or ends anything."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.run_texts import cleaned


@given(st.text(), st.text())
def test_a_text_keeps_its_places_so_that_what_was_judged_stays_its_beginning(judged: str, cut: str) -> None:
    shown = cleaned(judged + cut)
    assert len(shown) == len(judged + cut)
    assert shown.startswith(cleaned(judged))
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert cleaned(shown) == shown


def test_white_space_stays_space_and_control_is_marked() -> None:
    assert cleaned("en\tto\u00a0tre\nfire\x1b[2J\ud800") == "en to tre\nfire�[2J�"
