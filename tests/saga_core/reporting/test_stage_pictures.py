"""Every stage has a picture: legible in size, light in bytes, and of its own figures."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from stage_samples import HEADLINES, PROBE, facts, write_files

from saga_core.errors import DamagedArtifactError
from saga_core.reporting.stage_pictures import draw, file_needed
from tasks.pipeline import RETRAINING


@pytest.mark.parametrize("stage", [stage for stage in HEADLINES if stage not in RETRAINING])
def test_every_stage_has_a_light_picture_that_is_wide_enough(tmp_path: Path, stage: str) -> None:
    write_files(tmp_path, 300)
    png = draw(facts(stage), tmp_path if file_needed(stage) else None)
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    assert image.width >= 1_000
    assert len(png) < 60_000
    # Its own ground, so that it is read on a dark page too.
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert "transparency" not in image.info


@pytest.mark.parametrize("stage", ["candidates", "scores", "pairs", "sft", "dpo"])
def test_a_picture_shows_the_rows_of_its_file(tmp_path: Path, stage: str) -> None:
    some, others = write_files(tmp_path, 40), tmp_path / "others"
    others.mkdir()
    write_files(others, 41)
    assert draw(facts(stage), some) == draw(facts(stage), some)
    assert draw(facts(stage), some) != draw(facts(stage), others)


@pytest.mark.parametrize("stage", ["candidates", "scores", "pairs", "sft", "dpo"])
def test_a_file_without_rows_is_still_a_picture(tmp_path: Path, stage: str) -> None:
    figures = dict.fromkeys(("prompts", "pairs", "dropped_empty", "dropped_floor", "dropped_gap"), 0)
    assert draw(facts(stage, headline=figures), write_files(tmp_path, 0))


def test_the_gate_shows_tau_and_the_probe_does_not() -> None:
    lines = [draw(facts("gate", headline={"tau": tau}), None) for tau in (0.8, 0.7)]
    assert lines[0] != lines[1]
    assert draw(facts("probe"), None) not in lines
    assert draw(facts("probe"), None) != draw(facts("probe", headline=PROBE | {"low": 0.4}), None)


def test_a_file_that_is_no_table_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(DamagedArtifactError):
        draw(facts("scores"), tmp_path)
