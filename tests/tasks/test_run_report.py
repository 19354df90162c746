"""The page of a run, from a store: whole, escaped, the same again, and complete as far as the run has come."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from artifact_graphs import write_run
from page_checks import Node, read_page
from report_samples import HOSTILE, PROMPTS, TOKENS, items, make_run, panel, parquet

from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError
from tasks.report import find_run
from tasks.run_report import report_html, run_facts

Page = Callable[..., bytes]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Store(str(tmp_path / "store"))


@pytest.fixture
def page(store: Store) -> Page:
    def make(**changed: Any) -> bytes:  # noqa: ANN401
        make_run(store, **changed)
        report = find_run(store, None)
        assert report is not None
        return report_html(store, report)

    return make


def section(root: Node, name: str) -> Node:
    (found,) = [each for each in root.all("section") if each.attributes.get("id") == name]
    return found


def test_every_section_has_what_the_run_has(page: Page) -> None:
    root = read_page(page())
    assert "Not measured in this run" not in root.words
    summary = section(root, "summary")
    assert (
        "from 50.0% to 75.0%, at the price of a worse perplexity; but the hacking panel raises 1 alarm."
        in summary.words
    )
    assert "Parse success by Stanza rose by 25.0 points" in summary.words
    assert "spaCy nb_core_news_lg" in section(root, "judge").words
    (results,) = section(root, "results").all("table")
    assert [row.all("th")[0].words for row in results.all("tr")[1:]] == ["Stanza PS", "PPL-Wiki"]
    assert "85.0%" in results.words
    least = [heading.words for heading in results.all("th")].index("Least found")
    assert [row.children[least].words for row in results.all("tr")[1:]] == ["12.0 points", "–"]
    assert "below τ = 80%, so KL-SFT ran before DPO" in section(root, "gate").words
    assert len(section(root, "training").all("svg")) == 5
    (items_,) = section(root, "items").all("tbody")
    assert [cell.words for cell in items_.all("th", "td")] == ["Held-out prompts", "40", "5"]


def test_thirty_prompts_are_shown_with_the_parse_of_all_three_texts(page: Page) -> None:
    texts = section(read_page(page()), "texts")
    samples = texts.all("article")
    assert len(samples) == 30
    assert {sample.attributes["class"].split()[1] for sample in samples} == {"gained", "lost", "both_fail", "both_pass"}
    for sample in samples:
        assert [each.attributes["class"] for each in sample.all("section")] == ["text human", "text base", "text final"]
        assert len(sample.all("svg")) == 3
        # Words of the language are marked as such, those about them are not.
        assert {each.attributes.get("lang") for each in sample.all("h3")[0].children} == {None, "nb"}
        assert all(
            each.attributes["lang"] == "nb" for each in sample.all("p") if each.attributes.get("class") == "written"
        )
    words = samples[0].all("table")[0]
    assert [cell.words for cell in words.all("tr")[1].children] == ["Han", "PRON", "leser", "nsubj"]
    assert "the root is “leser”, its subject “Han”" in texts.words
    assert f"no subject, {HOSTILE}" in texts.words
    cut = [each for each in texts.all("span") if each.attributes.get("class") == "cut"]
    assert len(cut) == 3 * len(samples)
    assert "Kuttet" in cut[0].words


def test_no_text_of_a_run_becomes_markup(page: Page) -> None:
    made = page()
    root = read_page(made)
    assert HOSTILE in root.words
    assert not root.all("script", "img", "iframe", "object", "embed", "form", "base")
    names = {name for node in root.all() for name in node.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert "style" not in names
    assert b"/somewhere" not in made


def test_the_page_asks_nothing_of_the_network(page: Page) -> None:
    made = page()
    root = read_page(made)
    links = [node.attributes["href"] for node in root.all() if "href" in node.attributes]
    assert {link for link in links if not link.startswith("#")} == {"data:,"}
    assert not [node for node in root.all() if {"src", "srcset", "xlink:href", "action"} & node.attributes.keys()]
    (style,) = root.all("style")
    assert not re.search(r"url\(|@import|@font-face", style.text)
    (policy,) = [m.attributes["content"] for m in root.all("meta") if "http-equiv" in m.attributes]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy


def test_the_same_run_gives_the_same_bytes(store: Store, page: Page, tmp_path: Path) -> None:
    first = page()
    report = find_run(store, None)
    assert report is not None
    assert report_html(Store(store.uri), report) == first


def test_a_run_that_is_not_finished_has_the_sections_that_it_has(page: Page) -> None:
    root = read_page(page(until="gate"))
    assert "The run has not come to its evaluation." in section(root, "summary").words
    for name in ("results", "panel", "texts"):
        assert "Not measured in this run." in section(root, name).words
    assert "Not trained in this run." in section(root, "training").words
    # Which model it is, is known from publication on.
    assert root.all("h1")[0].words == "demo, aligned to the grammar of Norwegian Bokmål"
    assert "so KL-SFT ran" in section(root, "gate").words
    assert len(section(root, "lineage").all("tr")) == 6


def test_stores_of_before_lack_the_parse_and_human_verdicts(page: Page) -> None:
    old = {"files": {"items.parquet": parquet(items("base", stored=False))}}
    new = {"files": {"items.parquet": parquet(items("final", stored=False))}}
    human = {"files": {"other.json": b"{}"}}
    texts = section(read_page(page(evaluate_base=old, evaluate=new, evaluate_human=human)), "texts")
    assert "The parses are not stored in this run" in texts.words
    assert not texts.all("svg")
    # A person's text of the same prompt is known from the data.
    assert "not judged" in texts.all("article")[0].words


def test_what_was_collected_is_said_to_be_gone(store: Store) -> None:
    records = make_run(store)
    store.storage.remove([f"{store.folder('gate', records['gate'].key)}/record.json"])
    fresh = Store(store.uri)
    report = find_run(fresh, None)
    assert report is not None
    gate = section(read_page(report_html(fresh, report)), "gate")
    assert "its artifact is no longer in the store" in gate.words


@pytest.mark.parametrize(
    ("stage", "made"),
    [
        ("evaluate", {"headline": {"metrics": {"parse_success": {"value": "high"}}}}),
        ("gate", {"headline": {"tau": 0.8}}),
        ("panel", {"headline": panel() | {"alarms": ["words"]}}),
        ("judge_check", {"headline": {"findings": [{"group": "ScaLA"}]}}),
        ("evaluate", {"files": {"items.parquet": b"PAR1 no table"}}),
        ("evaluate", {"files": {"items.parquet": parquet(items("final", tokens=[["Han", "PRON", 9, "nsubj"]]))}}),
        ("evaluate", {"files": {"items.parquet": parquet(items("final", tokens=[["Han", "PRON"]]))}}),
        ("scores", {"files": {"scores.parquet": parquet([{"score": "none"}])}}),
    ],
)
def test_an_artifact_of_another_form_is_named(page: Page, stage: str, made: dict[str, Any]) -> None:
    with pytest.raises(DamagedArtifactError, match=stage):
        page(**{stage: made})


def test_a_file_that_was_changed_is_not_shown(store: Store, page: Page) -> None:
    record = make_run(store)["evaluate"]
    (Path(store.reference(record).uri) / "items.parquet").write_bytes(parquet(items("human")))
    report = find_run(store, None)
    assert report is not None
    with pytest.raises(DamagedArtifactError):
        report_html(store, report)


def test_settings_of_another_version_do_not_hide_the_run(page: Page) -> None:
    recipe = {"model": {"id": "org/tiny", "unheard_of": 1}, "corpus": {"title": "News"}, "judge": {}}
    root = read_page(page(publish={"settings": recipe}))
    assert root.all("h1")[0].words == "tiny, aligned to the grammar of Norwegian Bokmål"
    assert "PPL-News" in section(root, "results").words


@pytest.mark.parametrize(("fell", "weight"), [(True, 0.3), (True, 0.0), (False, 0.3)])
def test_a_perplexity_that_fell_by_adaptation_is_told(store: Store, fell: bool, weight: float) -> None:
    columns = [{"metrics": {"ppl": {"value": v, "low": v - 1, "high": v + 1, "n": 9}}} for v in (30.0, 20.0)]
    base, final = columns if fell else reversed(columns)
    dpo = {"settings": {"dpo": {"nll_weight": weight, "beta": 0.1}}}
    records = make_run(store, evaluate_base={"headline": base}, evaluate={"headline": final}, dpo=dpo)
    write_run(store, "other-0123456789", [record for stage, record in records.items() if stage != "sft"], days=-1)
    report = find_run(store, "other-0123456789")
    assert report is not None
    summary = section(read_page(report_html(store, report)), "summary")
    assert ("in part adaptation" in summary.words) == (fell and weight > 0)


def test_the_facts_say_who_measured_and_whether_it_was_another(store: Store) -> None:
    same = {"outside": {"evaluator": {"kind": "spacy", "sha256": "j"}}}
    make_run(store, evaluate_base=same)
    report = find_run(store, None)
    assert report is not None
    facts = run_facts(store, report)
    assert (facts.evaluator, facts.held_out, facts.language_name) == ("spaCy", False, "Norwegian Bokmål")
    assert len(facts.prompted) == PROMPTS
    assert len(facts.prompted[0].final.sentences[0].words) == len(TOKENS)
