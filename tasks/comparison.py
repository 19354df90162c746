"""The comparison of several models from their stored evaluations: the stage that keeps it, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from saga_core.artifacts.record import Reference
from saga_core.errors import DamagedArtifactError
from saga_core.evaluation.arms import Arm, ArmsComparison, compare_arms
from saga_core.recipe import Recipe
from saga_core.reporting.comparison import Labels, comparison_page
from saga_core.reporting.comparison_finding import comparison_finding
from tasks.measuring import load_result
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.evaluation.outcomes import EvaluationResult

VERSION = 2
NAME = "comparison"

_FILE = "comparison.json"


@dataclass(frozen=True)
class Measured:
    """A model that was measured.

    Attributes:
        evaluation: Artifact of its evaluation.
        base: Artifact of its base model's evaluation.
        adapter: Digest of the artifact that holds its adapter.
    """

    evaluation: Reference
    base: Reference
    adapter: str


class StoredComparison(BaseModel):
    """A comparison with all that its page needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    comparison: ArmsComparison
    labels: Labels


@dataclass(frozen=True)
class Design:
    """Who is compared with whom.

    Attributes:
        bases: Name of the input that holds a base's evaluation, by title.
        arms: Names of the inputs that hold an arm's evaluations, one a training seed, by title; the first is what the
            others are tested against.
        same: Arms that are the same model as another, with that one's title.
        references: The inputs.
    """

    bases: Mapping[str, str]
    arms: Mapping[str, tuple[str, ...]]
    same: Mapping[str, str]
    references: Mapping[str, Reference]

    @classmethod
    def of(cls, measured: Mapping[str, Sequence[Measured]]) -> Design:
        """Return the design of a comparison of these arms, each with one model a training seed.

        Arms whose adapters are all the same are one model: the later ones are named, and not compared.
        """
        bases: dict[str, str] = {}
        arms: dict[str, tuple[str, ...]] = {}
        same: dict[str, str] = {}
        references: dict[str, Reference] = {}
        models: dict[tuple[str, ...], str] = {}
        of_base = {model.base.digest: title for title, seeds in reversed(list(measured.items())) for model in seeds}
        for title, seeds in measured.items():
            first = models.setdefault(tuple(model.adapter for model in seeds), title)
            if first != title:
                same[title] = first
                continue
            names = tuple(f"arm_{len(arms)}_{i}" for i in range(len(seeds)))
            references |= {name: model.evaluation for name, model in zip(names, seeds, strict=True)}
            arms[title] = names
            for model in seeds:
                heading = "Base" if len(of_base) == 1 else f"Base of {of_base[model.base.digest]}"
                if heading not in bases:
                    bases[heading] = f"base_{len(bases)}"
                    references[bases[heading]] = model.base
        return cls(bases, arms, same, references)

    def compare(self, folders: Mapping[str, Path], seed: int, resamples: int) -> ArmsComparison:
        """Compare the arms from the folders of their evaluations.

        Args:
            folders: Of each input, by name.
            seed: Seed of the resampling.
            resamples: Resamples of an interval.

        Raises:
            StageError: They were not measured on the same items.
        """

        def read(name: str) -> EvaluationResult:
            return load_result(folders[name])

        bases = [Arm(title, (read(name),)) for title, name in self.bases.items()]
        arms = [Arm(title, tuple(map(read, names))) for title, names in self.arms.items()]
        return compare_arms(bases, arms, dict(self.same), seed, resamples)


def stage(design: Design, labels: Labels) -> Stage:
    """Return the stage that compares by this design, which is part of its key."""

    def settings(recipe: Recipe) -> dict[str, Any]:
        return {
            "bases": dict(design.bases),
            # In a list, for their order says who is tested against whom, and a key sorts names.
            "arms": [[title, *names] for title, names in design.arms.items()],
            "same": dict(design.same),
            "labels": labels.model_dump(),
            "bootstrap": recipe.evaluation.bootstrap,
            "seed": recipe.seed,
        }

    return Stage(NAME, VERSION, settings, lambda work: _compute(work, design, labels), inputs=tuple(design.references))


def load_comparison(folder: Path) -> StoredComparison:
    """Read a comparison from its artifact.

    Raises:
        DamagedArtifactError: It holds none.
    """
    try:
        return StoredComparison.model_validate_json((folder / _FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise DamagedArtifactError("not a comparison", str(folder / _FILE)) from error


def _compute(work: Work, design: Design, labels: Labels) -> dict[str, Any]:
    comparison = design.compare(work.inputs, work.recipe.seed, work.recipe.evaluation.bootstrap)
    stored = StoredComparison(comparison=comparison, labels=labels)
    # Not as canonical JSON, which sorts: the order of the arms is theirs.
    (work.out / _FILE).write_text(stored.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (work.out / "README.md").write_text(comparison_page(comparison, labels), encoding="utf-8")
    return {
        "finding": comparison_finding(comparison, labels.evaluator, labels.text),
        "arms": list(design.arms),
        "same": dict(design.same),
        "seeds": comparison.seeds,
    }
