"""Moving the pointer to a language's champion: one conditional write, so of two that move it one wins and both know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from saga_core.artifacts.champion import (
    CHAMPIONS,
    RESTORABLE,
    Champion,
    Entry,
    parse_entry,
    path_of,
    restorable,
    whoever,
)
from saga_core.artifacts.parallel import in_parallel
from saga_core.artifacts.store import Store
from saga_core.errors import StoreError, UserError

_ENTRY = re.compile(r"[0-9]{8}\.json")


class Pointer:
    """The history of one language's champions in a store.

    Args:
        store: The store.
        language: The language's code.
    """

    def __init__(self, store: Store, language: str) -> None:
        self._store = store
        self.language = language

    def history(self) -> tuple[Entry, ...]:
        """Return all entries, the oldest first; the last one says who is the champion.

        Raises:
            StoreError: The store cannot be read.
            DamagedArtifactError: An entry is damaged: who is the champion cannot be told.
        """
        folder = f"{CHAMPIONS}/{self.language}"
        paths = [entry.path for entry in self._store.storage.files(folder)]
        paths = [path for path in paths if _ENTRY.fullmatch(path.removeprefix(f"{folder}/"))]
        return tuple(entry for entry in in_parallel(self._read, sorted(paths)) if entry is not None)

    def check_movable(self) -> None:
        """Refuse a store where two who move the pointer at once would both believe that they did.

        Raises:
            UserError: It has no conditional writes.
        """
        if not self._store.capabilities.conditional_writes:
            what = f"the champion of {self.language} cannot be changed: the store has no conditional writes"
            raise UserError(what, self._store.uri, "keep it on a server that has them (docs/storage.md)")

    def promote(self, after: int, champion: Champion, reasons: Sequence[str]) -> Entry | None:
        """Make an adapter the champion, unless the pointer has moved since.

        Args:
            after: Number of the last entry when this was decided; 0 where there was none.
            champion: The new champion.
            reasons: Of the decision.

        Returns:
            The new entry, or None where somebody else moved the pointer first: decide anew.

        Raises:
            UserError: The store has no conditional writes.
        """
        entry = self._entry(after + 1, champion, reasons, None)
        return entry if self._add(entry) else None

    def roll_back(self, to: int | None = None) -> Entry:
        """Go back to an earlier champion, by a new entry: a return is in the history, and can be undone.

        Args:
            to: Number of the entry whose champion comes back, 0 for none at all; default: the champion before this one.

        Raises:
            UserError: There is no such entry, its adapter is not kept any more, or the store has no conditional writes.
        """
        history = self.history()
        if not history:
            raise UserError(f"no champion of {self.language} yet", self._store.uri, "saga retrain makes the first")
        last, where = history[-1], f"saga rollback {self.language}"
        numbered = {entry.number: entry for entry in history}
        wanted = self._before(numbered, last) if to is None else to
        if wanted and wanted not in numbered:
            what = f"its history has {'entry 1 alone' if last.number == 1 else f'1 to {last.number}'}"
            raise UserError(f"no entry {wanted}", where, f"{what}; saga champion {self.language} shows it")
        to = _promotion(numbered, wanted)
        champion = numbered[to].champion if to else None
        if champion == last.champion:
            what = "that is the champion already" if champion else "there is no champion already"
            raise UserError(what, f"{where} --to {to}", f"saga champion {self.language} shows the history")
        if champion is not None:
            self._require(champion, history, f"{where} --to {to}")
        back = f"{whoever()} went back to entry {to}" if to else f"{whoever()} went back to no champion"
        entry = self._entry(last.number + 1, champion, [back], to)
        if not self._add(entry):
            what = "the champion was changed at this very moment"
            raise StoreError(what, where, f"look at saga champion {self.language}, then decide again")
        return entry

    def _before(self, numbered: Mapping[int, Entry], last: Entry) -> int:
        """Return the promotion that stood before the one that stands now, whatever was gone back from between them."""
        now = _promotion(numbered, last.number)
        before = _promotion(numbered, now - 1) if now else 0
        if before == 0:
            what, to = ("it is the first", "--to 0 leaves none") if now else ("there is none", "--to N brings one back")
            where = f"champion of {self.language}"
            raise UserError(f"nothing to roll back to: {what}", where, f"saga rollback {self.language} {to}")
        return before

    def _require(self, champion: Champion, history: Sequence[Entry], where: str) -> None:
        """Refuse a champion that ``saga gc`` no longer keeps, or that is damaged."""
        kept = {entry.champion.adapter: entry for entry in restorable(history) if entry.champion}
        if champion.adapter not in kept:
            numbers = ", ".join(str(entry.number) for entry in kept.values())
            raise UserError(f"only the newest {RESTORABLE} champions are kept", where, f"name one of {numbers}")
        for reference in champion.artifacts:
            found = self._store.look(reference.stage, reference.key)
            if found is None or found[1] is not None:
                what = "is no longer in the store" if found is None else f"is damaged: {found[1]}"
                raise UserError(f"{reference.stage} of that champion {what}", where, "name another entry")

    def _entry(self, number: int, champion: Champion | None, reasons: Sequence[str], restores: int | None) -> Entry:
        return Entry(
            number=number,
            language=self.language,
            move="promoted" if restores is None else "rolled back",
            restores=restores,
            reasons=tuple(reasons),
            champion=champion,
            who=whoever(),
            when=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _add(self, entry: Entry) -> bool:
        """Write an entry where there is none of its number, and say whether it is the one that is there."""
        self.check_movable()
        data = entry.model_dump_json(indent=1).encode()
        return self._store.storage.create(path_of(self.language, entry.number), data)

    def _read(self, path: str) -> Entry | None:
        data = self._store.storage.read(path)
        return parse_entry(data, path, self._store.storage.locate(path)) if data is not None else None


def languages_with_champions(store: Store) -> list[str]:
    """Return the codes of the languages that have a history."""
    return store.storage.folders(CHAMPIONS)


def _promotion(numbered: Mapping[int, Entry], number: int) -> int:
    """Return the number of the promotion that an entry leaves standing, 0 for none."""
    entry = numbered.get(number)
    if entry is None:
        return 0
    return number if entry.restores is None else entry.restores
