"""The model card's front matter: what the Hub reads of a card."""

from __future__ import annotations

import re
from pathlib import PurePath

from huggingface_hub import EvalResult, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from saga_core.recipe import CorpusSettings, TaskSource, TextSource
from saga_core.reporting.facts import CardFacts
from saga_core.reporting.results import ROWS, models

# Licences by their identifier on the Hub. Any other becomes a named one: "other" with license_name.
LICENCES = {
    "apache-2.0": "Apache License 2.0",
    "cc-by-4.0": "Creative Commons Attribution 4.0",
    "cc-by-nc-4.0": "Creative Commons Attribution Non Commercial 4.0",
    "cc-by-sa-4.0": "Creative Commons Attribution Share Alike 4.0",
    "cc0-1.0": "Creative Commons Zero 1.0",
    "gemma": "Gemma Terms of Use",
    "llama3": "Meta Llama 3 Community License",
    "llama3.1": "Meta Llama 3.1 Community License",
    "llama3.2": "Meta Llama 3.2 Community License",
    "llama3.3": "Meta Llama 3.3 Community License",
    "mit": "MIT License",
    "other": "Not stated in the recipe: see the terms of the base model",
}
# Metrics that have a page of their own on the Hub go by its name there.
_HUB_METRICS = {
    "ppl": "perplexity",
    "scala_auroc": "roc_auc",
    "acceptability_auroc": "roc_auc",
    "rc_f1": "f1",
    "rc_em": "exact_match",
}


def front_matter(facts: CardFacts) -> ModelCardData:
    """Return the card's metadata; its ``to_yaml()`` goes between two lines of three dashes."""
    licence = facts.recipe.model.licence
    known = licence.lower() in LICENCES
    sources = [source.hub for source in facts.recipe.corpus.sources if source.hub is not None]
    return ModelCardData(
        language=facts.recipe.language,
        license=licence.lower() if known else "other",
        license_name=None if known else re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-"),
        # The Hub refuses a base model that is no repository, such as a local folder.
        base_model=facts.base_id if is_hub_id(facts.base_id) else None,
        library_name="peft",
        pipeline_tag="text-generation",
        datasets=list(dict.fromkeys(sources)) or None,
        tags=["saga", "lora", *(["sft"] if facts.sft_ran else []), "dpo", "grammar-alignment"],
        model_name=file_name(facts.adapter_id) if is_hub_id(facts.adapter_id) else f"{facts.recipe.name}-saga",
        eval_results=_eval_results(facts) or None,
    )


def is_hub_id(name: str) -> bool:
    """Return whether ``name`` has the form of a Hub repository, not of a folder or ``demo:NAME``."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def source_name(source: TextSource | TaskSource) -> str:
    """Return a source's name for readers: its Hub id or its file's name."""
    return source.hub if source.hub is not None else file_name(source.path or "")


def file_name(path: str) -> str:
    """Return the last part of a path: whose folders it was in is nobody's business."""
    return PurePath(path).name


def _eval_results(facts: CardFacts) -> list[EvalResult]:
    results = []
    for row in ROWS:
        value = models(facts.columns)[-1].point(row.metric)
        if value is None:
            continue
        type_, name, split, revision = _dataset(row.metric, facts)
        results.append(
            EvalResult(
                task_type="text-generation",
                task_name="Text generation",
                dataset_type=type_,
                dataset_name=name,
                dataset_split=split,
                dataset_revision=revision,
                metric_type=_HUB_METRICS.get(row.metric, row.metric),
                metric_name=row.name(facts.evaluator, facts.text),
                metric_value=round(value, 6),
            )
        )
    return results


def _dataset(metric: str, facts: CardFacts) -> tuple[str, str, str | None, str | None]:
    """Return the type, name, split and revision of the data that a metric was measured on."""
    evaluation = facts.recipe.evaluation
    if metric == "scala_auroc":
        return "scala", f"ScaLA: {file_name(evaluation.scala.treebank)}", None, None
    if metric == "acceptability_auroc" and evaluation.acceptability:
        return _task("Acceptability", "acceptability", evaluation.acceptability.source)
    if metric.startswith("summ_") and evaluation.summaries:
        return _task("Summaries", "summaries", evaluation.summaries.source)
    if metric.startswith("rc_") and evaluation.reading:
        return _task("Reading comprehension", "reading", evaluation.reading.source)
    return _held_out(facts.recipe.corpus)


def _task(name: str, local: str, source: TaskSource) -> tuple[str, str, str | None, str | None]:
    # Results of one type and split are merged, and two files may both be test.json: the task tells them.
    shown = f"{name}: {source_name(source)}"
    if source.hub is None:
        return local, shown, None, None
    return source.hub, shown, source.split, source.revision


def _held_out(corpus: CorpusSettings) -> tuple[str, str, str | None, str | None]:
    # Held-out text is our own cut of the corpus, not a split of any data set on the Hub.
    names = dict.fromkeys(source_name(source) for source in corpus.sources)
    return "held-out", f"Held-out part of {', '.join(names)}", None, None
