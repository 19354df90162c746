"""Every error that SAGA raises on purpose: what is wrong, where, and what to do."""

from __future__ import annotations

from saga_core.telling import printable


class SagaError(Exception):
    """Root of SAGA's errors; its text is one line: what, where, remedy.

    Args:
        what: What is wrong, without a full stop.
        where: File, line, setting or stage in which it is wrong.
        remedy: What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        # All three go to Exception so that the error survives pickling between processes.
        super().__init__(what, where, remedy)
        self.what, self.where, self.remedy = what, where, remedy

    def __str__(self) -> str:
        """Return the one line that a user reads."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line}; {self.remedy}" if self.remedy else line
        return printable(" ".join(line.split()))


class UserError(SagaError):
    """The input is wrong: a recipe, a path, a setting. Exit code 2."""

    exit_code = 2


class StageError(SagaError):
    """A stage failed though its input looked right. Exit code 1."""


class StoreError(SagaError):
    """The artifact store could not be read or written. Exit code 1."""


class DamagedArtifactError(StoreError):
    """What the store holds differs from what its record says. Exit code 1."""


class RefusedError(StoreError):
    """The store refused, or cannot do such a thing; trying again will not help. Exit code 1."""


class HubError(SagaError):
    """The Hugging Face Hub could not be reached, or refused. Exit code 1."""


class LeaseLostError(StoreError):
    """Another process has taken over the artifact that this one was making. Exit code 1."""
