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
