"""The page's form: what screen readers, keyboards and strict parsers need of it."""

import base64
import hashlib
import re
from itertools import pairwise
from pathlib import Path

import pytest
from page_checks import Node, read_page
from report_samples import make_run

from saga_core.artifacts.store import Store
from saga_core.reporting.html.page import render
from saga_core.reporting.html.run_facts import RunFacts
from tasks.report import find_run
from tasks.run_report import run_facts


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> RunFacts:
    store = Store(str(tmp_path_factory.mktemp("store")))
    make_run(store)
    report = find_run(store, None)
    assert report is not None
    return run_facts(store, report)


@pytest.fixture(scope="module")
def page(facts: RunFacts) -> bytes:
    return render(facts)


@pytest.fixture(scope="module")
def root(page: bytes) -> Node:
    return read_page(page)


def test_headings_come_in_order_and_the_first_is_the_only_one_of_its_kind(root: Node) -> None:
    levels = [int(heading.tag[1]) for heading in root.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_landmarks_and_the_links_to_them(root: Node) -> None:
    for name in ("main", "nav"):
        assert len(root.all(name)) == 1
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    links = [node.attributes["href"] for node in root.all("a")]
    assert links[0] == "#main"
    assert {link.removeprefix("#") for link in links} <= set(ids)
    labelled = [node.attributes["aria-labelledby"] for node in root.all() if "aria-labelledby" in node.attributes]
    assert set(labelled) <= set(ids)
    assert {label.attributes["for"] for label in root.all("label")} == {i.attributes["id"] for i in root.all("input")}


def test_every_drawing_has_a_name_and_every_table_a_caption_and_headings(root: Node) -> None:
    drawings = [node for node in root.all("svg") if "aria-hidden" not in node.attributes]
    assert len(drawings) > 90
    assert all(node.attributes["role"] == "img" and len(node.children[0].words) > 5 for node in drawings)
    for table in root.all("table"):
        assert table.children[0].tag == "caption"
        assert all(cell.attributes["scope"] in ("col", "row") for cell in table.all("th"))
        assert all(row.children[0].tag == "th" for row in table.all("tr"))


def test_what_can_be_scrolled_can_be_reached_and_has_a_name_of_its_own(root: Node) -> None:
    boxes = [node for node in root.all("div") if "scroll" in node.attributes.get("class", "").split()]
    assert all(node.attributes["tabindex"] == "0" for node in boxes)
    names = [node.attributes["aria-label"] for node in boxes]
    assert len(names) == len(set(names))


def test_the_policy_allows_the_style_sheet_that_is_there(root: Node) -> None:
    (style,) = root.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    (policy,) = [meta.attributes["content"] for meta in root.all("meta") if "http-equiv" in meta.attributes]
    assert f"style-src 'sha256-{digest}'" in policy


def test_every_class_of_a_drawing_is_in_the_style_sheet(root: Node) -> None:
    (style,) = root.all("style")
    used = {name for svg in root.all("svg") for node in svg.all() for name in node.attributes.get("class", "").split()}
    # These two say what a shape is, and look like any other of their kind.
    assert used - {"word", "stage"} <= set(re.findall(r"\.([a-z_]+)", style.text))


def test_page_title_language_and_size(root: Node, page: bytes, facts: RunFacts) -> None:
    assert root.all("html")[0].attributes["lang"] == "en"
    assert root.all("title")[0].text == f"demo: SAGA report of {facts.run}"
    assert len(page) < 3_000_000


def test_a_code_that_is_no_language_is_no_attribute() -> None:
    bare = RunFacts("r", "r", "2026", (), 'x" onload="y', "?", "tiny", "spaCy", "Stanza", True, "Wiki", 0)
    root = read_page(render(bare))
    assert "Not measured in this run" in root.words
    assert [node.attributes["lang"] for node in root.all() if "lang" in node.attributes] == ["en"]


def test_half_a_character_does_not_stop_the_page() -> None:
    bare = RunFacts("r\ud800", "r", "2026", (), "nb", "?", "tiny", "spaCy", "Stanza", True, "Wiki", 0)
    assert b"r?" in render(bare)


def test_the_style_sheet_comes_with_the_package() -> None:
    root = Path(__file__).resolve().parents[4]
    assert '"saga_core.reporting.html" = ["templates/*"]' in (root / "pyproject.toml").read_text(encoding="utf-8")
