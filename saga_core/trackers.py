"""To whom a training's log can be told: the names that Transformers' ``report_to`` knows, and what each needs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import Literal

from saga_core.errors import UserError

Tracker = Literal[
    "azure_ml",
    "clearml",
    "codecarbon",
    "comet_ml",
    "dagshub",
    "dvclive",
    "flyte",
    "kubeflow",
    "mlflow",
    "neptune",
    "swanlab",
    "tensorboard",
    "trackio",
    "wandb",
]

# As transformers.integrations has them, which takes seconds to import; a test compares the two.
PACKAGES: dict[Tracker, tuple[str, ...]] = {
    "azure_ml": ("azureml-core",),
    "clearml": ("clearml",),
    "codecarbon": ("codecarbon",),
    "comet_ml": ("comet-ml",),
    "dagshub": ("dagshub", "mlflow"),
    "dvclive": ("dvclive",),
    "flyte": ("flytekit",),
    # Transformers talks to the cluster that the job runs in by itself.
    "kubeflow": (),
    "mlflow": ("mlflow",),
    "neptune": ("neptune",),
    "swanlab": ("swanlab",),
    "tensorboard": ("tensorboard",),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}


def check_installed(names: Iterable[Tracker]) -> None:
    """Refuse trackers whose package is not installed, before anything is spent.

    Args:
        names: What ``runtime.report_to`` lists.

    Raises:
        UserError: A package is missing; names it.
    """
    for name in names:
        missing = [package for package in PACKAGES[name] if not _is_installed(package)]
        if missing:
            remedy = f"run: pip install {' '.join(missing)}, or leave {name} out"
            raise UserError(f"{' and '.join(missing)} not installed", f"runtime.report_to {name}", remedy)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
