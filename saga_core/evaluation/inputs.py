"""What models are measured on, as objects and as the files of an artifact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.evaluation.acceptability import AcceptabilityItem
from saga_core.evaluation.reading import ReadingItem
from saga_core.evaluation.scala import ScalaPair
from saga_core.evaluation.summaries import SummaryItem

_SCHEMAS = {
    "prompts": {"id": "string", "prompt": "string", "human": "string"},
    "documents": {"text": "string"},
    "scala": {"good": "string", "bad": "string", "corruption": "string"},
    "summaries": {"id": "string", "document": "string", "references": "string"},
    "reading": {"id": "string", "context": "string", "question": "string", "answers": "string"},
    "acceptability": {"text": "string", "right": "bool"},
}


@dataclass(frozen=True)
class EvaluationInput:
    """What models are measured on; the same for all that are compared.

    Attributes:
        prompts: Id and text of each prompt.
        heldout_documents: Texts for the perplexity.
        scala: Pairs of intact and corrupted sentences.
        summaries: Documents to summarise.
        reading: Questions to answer.
        acceptability: Labelled sentences.
        human: What people wrote after each prompt, with its leading space; empty where it is not known.
    """

    prompts: Sequence[tuple[str, str]]
    heldout_documents: Sequence[str]
    scala: Sequence[ScalaPair]
    summaries: Sequence[SummaryItem]
    reading: Sequence[ReadingItem]
    acceptability: Sequence[AcceptabilityItem] = ()
    human: Sequence[str] = ()


def write_items(folder: Path, items: EvaluationInput) -> None:
    """Write items as one Parquet file a task."""
    prompts = zip(items.prompts, items.human, strict=True)
    rows: dict[str, list[dict[str, Any]]] = {
        "prompts": [{"id": name, "prompt": prompt, "human": human} for (name, prompt), human in prompts],
        "documents": [{"text": text} for text in items.heldout_documents],
        "scala": [asdict(pair) for pair in items.scala],
        "summaries": [asdict(item) | {"references": _listed(item.references)} for item in items.summaries],
        "reading": [asdict(item) | {"answers": _listed(item.answers)} for item in items.reading],
        "acceptability": [asdict(item) for item in items.acceptability],
    }
    for name, schema in _SCHEMAS.items():
        write_rows(folder / f"{name}.parquet", rows[name], schema)


def read_items(folder: Path) -> EvaluationInput:
    """Read what ``write_items`` wrote.

    Raises:
        DamagedArtifactError: A file is no such table.
    """
    rows = {name: read_rows(folder / f"{name}.parquet", schema) for name, schema in _SCHEMAS.items()}
    return EvaluationInput(
        prompts=[(row["id"], row["prompt"]) for row in rows["prompts"]],
        heldout_documents=[row["text"] for row in rows["documents"]],
        scala=[ScalaPair(**row) for row in rows["scala"]],
        summaries=[
            SummaryItem(**row | {"references": tuple(json.loads(row["references"]))}) for row in rows["summaries"]
        ],
        reading=[ReadingItem(**row | {"answers": tuple(json.loads(row["answers"]))}) for row in rows["reading"]],
        acceptability=[AcceptabilityItem(**row) for row in rows["acceptability"]],
        human=[row["human"] for row in rows["prompts"]],
    )


def _listed(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), ensure_ascii=False)
