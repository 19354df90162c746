from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import saga_core
from saga_core.errors import StageError
from saga_core.evaluation.acceptability import AcceptabilityItem
from saga_core.evaluation.inputs import EvaluationInput
from saga_core.evaluation.outcomes import ROW_SCHEMA, EvaluationResult
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.scala import ScalaPair
from saga_core.evaluation.suite import METRICS, compare, evaluate, metrics, written_metrics
from saga_core.evaluation.summaries import SummaryItem
from saga_core.judges.protocol import Judge
from saga_core.recipe import (
    EvaluationSettings,
    ReadingSettings,
    SamplingSettings,
    ScalaSettings,
    ScoringSettings,
    SummarySettings,
    TaskSource,
)

_SENTENCES = ["Filmen er ikke god.", "Hun leser en bok.", "Vi spilte hele dagen.", "Det var en fin kveld i byen."]
_INPUTS = EvaluationInput(
    prompts=[(f"p{i}", text) for i, text in enumerate(["Filmen er", "Hun synger", "Boka", "Det er en"] * 4)],
    heldout_documents=[f"{one} {other}" for one in _SENTENCES for other in _SENTENCES],
    scala=[
        ScalaPair(text, " ".join(text.split()[1:]), "flip" if i % 2 else "delete")
        for i, text in enumerate(_SENTENCES * 3)
    ],
    summaries=[SummaryItem(f"s{i}", text * 3, ()) for i, text in enumerate(_SENTENCES)],
    reading=[ReadingItem(f"r{i}", text, "Hva?", ("bok", "En film")) for i, text in enumerate(_SENTENCES)],
    acceptability=[
        AcceptabilityItem(text if right else text[::-1], right) for text in _SENTENCES for right in (True, False)
    ],
)
_SETTINGS = EvaluationSettings(
    sampling=SamplingSettings(max_new_tokens=24),
    scala=ScalaSettings(treebank="none"),
    summaries=SummarySettings(source=TaskSource(path="none"), max_new_tokens=24),
    reading=ReadingSettings(source=TaskSource(path="none"), max_new_tokens=16),
)


def _evaluate(
    tiny: tuple[Any, Any],
    judge: Judge,
    inputs: EvaluationInput = _INPUTS,
    batch: int = 16,
    settings: EvaluationSettings = _SETTINGS,
) -> EvaluationResult:
    return evaluate(
        *tiny,
        judge,
        inputs,
        settings,
        "nb",
        "Dokument: {text}\nSammendrag:",
        "Tekst: {text}\nSpørsmål: {question}\nSvar:",
        ScoringSettings(),
        7,
        batch,
    )


@pytest.fixture(scope="module")
def base(tiny: tuple[Any, Any], judge: Judge) -> EvaluationResult:
    return _evaluate(tiny, judge)


@pytest.fixture(scope="module")
def worse(tiny: tuple[Any, Any], judge: Judge) -> EvaluationResult:
    """The result of a model whose weights were disturbed."""
    model, tokenizer = tiny
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in other.parameters():
            weight += 0.5 * weight.std() * torch.randn(weight.shape, generator=generator)
    return _evaluate((other, tokenizer), judge)


def test_every_item_of_every_task_has_an_outcome(base: EvaluationResult) -> None:
    assert [o.prompt_id for o in base.parse] == [name for name, _ in _INPUTS.prompts]
    assert [len(some) for some in (base.perplexity, base.scala, base.summaries, base.reading)] == [16, 12, 4, 4]
    assert [o.item_id for o in base.reading] == ["r0", "r1", "r2", "r3"]
    assert [o.right for o in base.acceptability] == [True, False] * 4


def test_a_verdict_keeps_what_was_judged_and_its_trees(base: EvaluationResult) -> None:
    texts = dict(_INPUTS.prompts)
    judged = [outcome for outcome in base.parse if outcome.judged]
    assert judged
    for outcome in judged:
        assert outcome.judged.startswith(texts[outcome.prompt_id])
        assert (texts[outcome.prompt_id] + outcome.text).startswith(outcome.judged)
        sentences = json.loads(outcome.sentences)
        assert outcome.passed == (bool(sentences) and all(sentence["passed"] for sentence in sentences))
        for sentence in sentences:
            heads = [head for _, _, head, _ in sentence["tokens"]]
            assert heads.count(0) == 1
            assert max(heads) <= len(heads)
            assert sentence["passed"] or sentence["reasons"]


def test_text_that_is_no_models_has_the_figures_of_what_is_written(base: EvaluationResult) -> None:
    figures = written_metrics(replace(base, perplexity=(), scala=(), acceptability=()), 1, 200)
    assert tuple(figures) == ("parse_success", "parse_score", "summ_ps", "summ_score", "rc_aps", "mattr")
    assert figures.items() <= metrics(base, 1, 200).items()


def test_a_model_has_the_same_result_again_whatever_the_batch_size(
    tiny: tuple[Any, Any], judge: Judge, base: EvaluationResult
) -> None:
    again = _evaluate(tiny, judge, batch=5)
    assert (again.parse, again.summaries, again.reading) == (base.parse, base.summaries, base.reading)
    assert [o.nll for o in again.perplexity] == pytest.approx([o.nll for o in base.perplexity], rel=1e-5)


def test_metrics_are_all_there_in_order_with_their_intervals(base: EvaluationResult) -> None:
    figures = metrics(base, seed=1, resamples=200)
    assert tuple(figures) == METRICS
    for name, estimate in figures.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert estimate.n > 0
        assert name == "ppl" or name == "bits_per_byte" or 0.0 <= estimate.value <= 1.0
    assert figures == metrics(base, seed=1, resamples=200)


def test_a_model_does_not_differ_from_itself(base: EvaluationResult) -> None:
    comparisons = compare(base, base, 0, resamples=200)
    assert tuple(comparisons) == METRICS
    assert {(c.delta, c.p) for c in comparisons.values()} == {(0.0, 1.0)}
    shares = {name for name, c in comparisons.items() if c.test == "exact McNemar"}
    # That no share changed on these few items does not tell that it would on none.
    assert all((c.low < 0.0 < c.high) == (name in shares) for name, c in comparisons.items())


def test_a_worse_model_is_seen_to_be_worse(base: EvaluationResult, worse: EvaluationResult) -> None:
    before, after = metrics(base, 0, 200), metrics(worse, 0, 200)
    comparisons = compare(base, worse, 0, resamples=400)
    for name, comparison in comparisons.items():
        assert comparison.delta == pytest.approx(after[name].value - before[name].value)
        assert comparison.low <= comparison.delta <= comparison.high
    assert comparisons["ppl"].low > 0
    assert comparisons["ppl"].p < 0.01
    assert {name: c.test for name, c in comparisons.items()} == {
        "parse_success": "exact McNemar",
        "parse_score": "paired permutation",
        "ppl": "paired bootstrap",
        "bits_per_byte": "paired bootstrap",
        "scala_auroc": "paired bootstrap",
        "acceptability_auroc": "paired DeLong",
        "summ_ps": "exact McNemar",
        "summ_score": "paired permutation",
        "rc_aps": "exact McNemar",
        "rc_f1": "paired permutation",
        "rc_em": "exact McNemar",
        "mattr": "paired permutation",
    }


def test_items_are_matched_by_id_not_by_place(base: EvaluationResult, worse: EvaluationResult) -> None:
    turned = replace(worse, parse=worse.parse[::-1], perplexity=worse.perplexity[::-1], scala=worse.scala[::-1])
    assert compare(base, turned, 0, resamples=200) == compare(base, worse, 0, resamples=200)


@pytest.mark.parametrize("task", ["parse", "perplexity", "scala", "summaries", "reading", "acceptability"])
def test_other_items_are_not_compared(base: EvaluationResult, task: str) -> None:
    fewer = replace(base, **{task: getattr(base, task)[1:]})
    with pytest.raises(StageError, match=f"task {task}: .*not measured on the same items"):
        compare(base, fewer, 0, 200)


def test_other_text_in_the_same_place_is_another_item(
    tiny: tuple[Any, Any], judge: Judge, base: EvaluationResult
) -> None:
    documents = ["En annen tekst.", *_INPUTS.heldout_documents[1:]]
    with pytest.raises(StageError, match="task perplexity"):
        compare(base, _evaluate(tiny, judge, replace(_INPUTS, heldout_documents=documents)), 0, 200)


def test_a_result_is_read_again_from_parquet(base: EvaluationResult, tmp_path: Path) -> None:
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in ROW_SCHEMA.items()])
    rows = base.to_rows()
    assert all(list(row) == list(ROW_SCHEMA) for row in rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "items.parquet")
    assert EvaluationResult.from_rows(pq.read_table(tmp_path / "items.parquet").to_pylist()) == base


def test_rows_that_lack_a_value_are_refused(base: EvaluationResult) -> None:
    row = next(row for row in base.to_rows() if row["task"] == "scala")
    with pytest.raises(StageError, match="no value of bad, good"):
        EvaluationResult.from_rows([{k: v for k, v in row.items() if k not in ("good", "bad")}])
    with pytest.raises(StageError, match="'dance' is not known"):
        EvaluationResult.from_rows([{**row, "task": "dance"}])


def test_two_items_of_one_id_are_refused(tiny: tuple[Any, Any], judge: Judge) -> None:
    with pytest.raises(StageError, match="prompts: an id occurs twice"):
        _evaluate(tiny, judge, replace(_INPUTS, prompts=[("a", "Han"), ("a", "Hun")]))
    with pytest.raises(StageError, match="reading: an id occurs twice"):
        _evaluate(tiny, judge, replace(_INPUTS, reading=[_INPUTS.reading[0]] * 2))


@pytest.mark.parametrize("task", ["parse", "perplexity", "scala"])
def test_a_task_that_every_evaluation_has_is_not_without_items(base: EvaluationResult, task: str) -> None:
    with pytest.raises(StageError, match="no unit"):
        metrics(replace(base, **{task: ()}), 0, 200)


def test_what_a_recipe_does_not_measure_has_no_figure(tiny: tuple[Any, Any], judge: Judge) -> None:
    settings = _SETTINGS.model_copy(update={"summaries": None, "reading": None})
    found = _evaluate(tiny, judge, replace(_INPUTS, summaries=(), reading=(), acceptability=()), settings=settings)
    measured = tuple(name for name in METRICS if not name.startswith(("summ_", "rc_", "acceptability_")))
    assert tuple(metrics(found, 0, 200)) == tuple(compare(found, found, 0, 200)) == measured
    assert EvaluationResult.from_rows(found.to_rows()) == found


def test_a_model_that_was_measured_on_more_is_not_compared(base: EvaluationResult) -> None:
    for one, other in ((base, replace(base, reading=())), (replace(base, reading=()), base)):
        with pytest.raises(StageError, match=r"task reading: .*not measured on the same items"):
            compare(one, other, 0, 200)


def test_stored_results_are_compared_without_the_libraries_of_models() -> None:
    code = "import saga_core.evaluation.suite, sys; print({'torch', 'transformers', 'spacy'} & set(sys.modules))"
    root = Path(saga_core.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
