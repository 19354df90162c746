"""A training's checkpoints as pieces of its unfinished artifact."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from saga_core.errors import StoreError
from saga_core.telling import tell
from tasks.stage import Work

# The newest, and one before it, in case the newest is found damaged.
_KEEP = 2


class StoredCheckpoints:
    """Keeps a training's checkpoints in the store, the newest few.

    Args:
        work: The training stage's work.
    """

    def __init__(self, work: Work) -> None:
        from saga_core.generation.models import resolve_device

        self._partial = work.partial
        self.every = work.recipe.runtime.checkpoint_steps
        # The generators of one kind of device cannot go on from another's.
        self._prefix = f"checkpoint-{resolve_device(work.recipe.runtime.device)}-"

    def keep(self, step: int, folder: Path) -> None:
        """Keep the state after a step, and let older ones go.

        Raises:
            LeaseLostError: Another process has taken over this training.
            StoreError: The store cannot be written.
        """
        self._partial.keep(f"{self._prefix}{step:08d}", folder)
        try:
            for old in self._names()[:-_KEEP]:
                self._partial.drop(old)
        except StoreError as error:
            # They take room, and no more: what was trained is worth more than that.
            tell(f"  older checkpoints stay: {error}")

    def newest(self, files: Collection[str]) -> Path | None:
        """Return the newest state whose files are all as they were recorded, or None where there is none.

        Args:
            files: Names of the files of a state; what has others is none.
        """
        return next((folder for name in reversed(self._names()) if (folder := self._partial.fetch(name, files))), None)

    def locate(self, folder: Path) -> str:
        """Return where the checkpoint is kept that ``newest`` gave a local folder of."""
        return self._partial.locate(folder)

    def _names(self) -> list[str]:
        return [name for name in self._partial.names() if name.startswith(self._prefix)]
