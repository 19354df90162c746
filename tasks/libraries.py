"""What libraries read from the environment when they are imported, set before they are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping

from saga_core.outside import Outside
from saga_core.recipe import Recipe

_DEFAULTS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait make a run on busy cores ten times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def prepare_libraries(recipe: Recipe, outside: Mapping[str, Outside]) -> None:
    """Set what torch and Hugging Face's libraries read; what the user has set stays.

    Args:
        recipe: Its ``runtime.threads`` comes before what the environment happens to say.
        outside: The run's outside inputs: where none is on the Hub, the Hub is not asked.
    """
    defaults = _DEFAULTS
    if all(pin.revision is None for pin in outside.values()):
        defaults = _DEFAULTS | {"HF_HUB_OFFLINE": "1"}
    if recipe.runtime.threads:
        os.environ["OMP_NUM_THREADS"] = str(recipe.runtime.threads)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # What Transformers will rename one day is for its developers, not for who runs a recipe.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
