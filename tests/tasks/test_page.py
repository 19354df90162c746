"""The page of a stage, from a store: drawn once, cheap again, and there whatever becomes of its picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from servers.fixtures import Bucket, Proxied
from stage_samples import HEADLINES, SETTINGS, write_files

from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.page import page_of
from tasks.runner import resolve
from tasks.session import Outcome, Session
from tasks.stage import Stage, Work

OpenDemo = Callable[..., Session]
# One whose picture is drawn from a file, and one from the headline alone.
STAGES = ("scores", "gate")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "saga"


def stand_in(name: str) -> Stage:
    """A stage that writes at once what the real one would."""

    def compute(work: Work) -> dict[str, Any]:
        write_files(work.out)
        return HEADLINES[name]

    return Stage(name, 1, lambda recipe: SETTINGS.get(name, {}), compute)


def made(session: Session, name: str) -> Outcome:
    return resolve(stand_in(name), session, {})


def test_a_page_of_a_local_store_names_its_folder_and_its_files(open_demo: OpenDemo) -> None:
    session = open_demo()
    outcome = made(session, "scores")
    page = page_of(outcome, session)
    assert outcome.reference is not None
    assert outcome.reference.uri in page
    assert "| scores.parquet | " in page
    assert "](file:" not in page
    assert page.count("data:image/png;base64,") == 1
    assert f"saga show scores/{outcome.reference.key[:12]} --store {session.store.uri}\n" in page


def test_a_picture_is_drawn_once_and_of_the_artifact_that_is_there(open_demo: OpenDemo, cache: Path) -> None:
    session = open_demo()
    first = page_of(made(session, "scores"), session)
    (picture,) = (cache / "pictures").glob("*/picture.png")
    drawn = picture.stat().st_mtime_ns
    again = made(session, "scores")
    assert again.state == "cached"
    assert page_of(again, session).split("![")[1].split(")")[0] == first.split("![")[1].split(")")[0]
    assert picture.stat().st_mtime_ns == drawn
    # A half picture, as a full disk leaves it, is drawn again.
    whole = picture.read_bytes()
    picture.write_bytes(whole[:100])
    assert page_of(again, session).count("data:image/png") == 1
    assert picture.read_bytes() == whole
    assert list(picture.parent.iterdir()) == [picture]


def test_where_no_picture_can_be_drawn_the_figures_are_there(
    open_demo: OpenDemo, capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_demo()
    outcome = made(session, "scores")
    assert outcome.reference is not None
    (Path(outcome.reference.uri) / "scores.parquet").write_bytes(b"PAR1 no longer")
    page = page_of(outcome, session)
    assert "43.7%" in page
    assert "data:image" not in page
    assert "scores: no picture: " in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    open_demo: OpenDemo, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder would be")
    session = open_demo()
    assert "data:image/png" in page_of(made(session, "gate"), session)


def test_a_skipped_stage_has_a_page(open_demo: OpenDemo) -> None:
    page = page_of(Outcome("sft", "skipped", "sft.mode is skip"), open_demo())
    assert page.startswith("**Skipped**: sft.mode is skip.")


def test_pages_of_a_store_on_s3_link_to_its_files_and_cost_few_requests(
    bucket: Bucket, proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = proxied(bucket)
    recipe = load_recipe("demo", ())
    session = open_session(recipe, f"{bucket.url}/a folder", frozenset())
    for name in STAGES:
        made(session, name)
    # Another machine, on which nothing was read yet.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    session = open_session(recipe, f"{bucket.url}/a folder", frozenset())
    found = {name: made(session, name) for name in STAGES}
    assert {outcome.state for outcome in found.values()} == {"cached"}
    before = len(proxy.log)
    pages = {name: page_of(outcome, session) for name, outcome in found.items()}
    # One file is read for the one picture that needs it.
    assert [exchange.method for exchange in proxy.log[before:]] == ["GET"]
    assert pages == {name: page_of(outcome, session) for name, outcome in found.items()}
    assert len(proxy.log) == before + 1
    (link,) = [part.split(")")[0] for part in pages["scores"].split("[scores.parquet](")[1:]]
    place = f"{proxy.endpoint}/{bucket.name}/"
    assert link.startswith(f"{place}a%20folder/scores/")
    key = unquote(link.removeprefix(place))
    assert bucket.server.client().head_object(Bucket=bucket.name, Key=key)["ContentLength"] > 0
