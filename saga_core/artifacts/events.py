"""TensorBoard's event files of a training, beside the artifacts.

They name hosts and times, so they are in no artifact: a training made again has the same digest. They lie below
``tracking/RECIPE/STAGE/KEY/``, which is also what TensorBoard calls the training, as long as its artifact is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saga_core.artifacts.storage import Storage

TRACKING = "tracking"


class Events:
    """The event files of one training.

    Args:
        storage: Where they are kept.
        recipe: Name of the recipe that is trained.
        artifact: The artifact's folder, relative to the store.
    """

    def __init__(self, storage: Storage, recipe: str, artifact: str) -> None:
        self._storage = storage
        self._folder = f"{TRACKING}/{recipe}/{artifact}"

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Give a local folder to write event files to: the place itself, or where it is remote, a temporary one."""
        there = self._storage.local(self._folder)
        if there is not None:
            yield there
            return
        with tempfile.TemporaryDirectory(prefix="saga-") as temporary:
            yield Path(temporary)

    def keep(self, folder: Path) -> None:
        """Bring the event files to where they are kept, whole, in place of what was there of the same names.

        Args:
            folder: The folder that ``writing`` gave; nothing is copied where it is the place itself.

        Raises:
            StoreError: The storage cannot be written.
        """
        if self._storage.local(self._folder) is None:
            for file in sorted(folder.iterdir()):
                self._storage.put(file, f"{self._folder}/{file.name}")
