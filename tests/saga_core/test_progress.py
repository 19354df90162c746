import pytest

from saga_core.progress import progress


def test_away_from_a_terminal_lines_tell_counts_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("work", 3, "rows") as tick:
        tick(2)
        tick()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("  work: 3/3 rows, ")
    assert lines[0].endswith(" rows/s, 0 s left")


def test_where_the_total_is_not_known_the_count_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", None, "documents") as tick:
        tick(7)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("  reading: 7 documents, ")
    assert line.endswith(" documents/s")
