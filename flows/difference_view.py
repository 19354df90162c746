"""``saga why``: a difference as a tree, from what differs down to the first cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from rich.text import Text
from rich.tree import Tree

from flows.artifact_view import headline_of, shorten
from flows.terminal import out, plain
from saga_core.artifacts.difference import Change, Difference

_LONGEST = 100_000
_LONG = 40
_BEFORE = 12


def show_difference(difference: Difference) -> None:
    """Print in what two artifacts differ."""
    for name, record in (("first", difference.old), ("second", difference.new)):
        out.print(plain(f"{name:<8}") + headline_of(record))
    out.print(plain(_verdict(difference), "bold"))
    tree = Tree("", hide_root=True)
    _add(tree, difference)
    if tree.children:
        out.print(tree)
    _print_versions(difference)


def show_runs_difference(runs: Sequence[Mapping[str, Any]], differences: Mapping[str, Difference | str | None]) -> None:
    """Print in what two runs differ, stage by stage."""
    for name, run in zip(("first", "second"), runs, strict=True):
        out.print(
            plain(f"{name:<8}{run['run']}") + plain(f"  {run['time'][:16].replace('T', ' ')}, {run['recipe']}", "dim")
        )
    tree = Tree("", hide_root=True)
    for stage, difference in differences.items():
        line = plain(stage, "bold")
        if difference is None:
            tree.add(line + plain("  the same", "dim"))
        elif isinstance(difference, str):
            tree.add(line + plain(f"  {difference}"))
        else:
            _add(tree.add(line + plain(f"  {_verdict(difference)}")), difference)
    out.print(tree)
    compared = [difference for difference in differences.values() if isinstance(difference, Difference)]
    if compared:
        _print_versions(compared[0])


def difference_as_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as what ``--json`` prints."""
    return {
        "stage": difference.old.stage,
        "keys": [difference.old.key, difference.new.key],
        "digests": [difference.old.digest, difference.new.digest],
        "same_key": difference.same_key,
        "same_result": difference.same_result,
        "fields": [_change_as_json(change) for change in difference.fields],
        "inputs": [
            {
                "name": change.name,
                "old": change.old.key if change.old else None,
                "new": change.new.key if change.new else None,
                "note": change.note,
                "why": difference_as_json(change.cause) if change.cause else None,
            }
            for change in difference.inputs
        ],
        "versions": [_change_as_json(change) for change in difference.versions],
    }


def _verdict(difference: Difference) -> str:
    if difference.same_key:
        same = (
            "the same artifact"
            if difference.old.attempt == difference.new.attempt
            else "made twice, with the same files"
        )
        return same if difference.same_result else "the same key, but another result: only the versions can tell why"
    count = len(difference.fields) + len(difference.inputs)
    differ = f"{count} difference{'' if count == 1 else 's'}"
    return f"{differ}, and yet the same files" if difference.same_result else differ


def _add(tree: Tree, difference: Difference) -> None:
    for change in difference.fields:
        tree.add(_line(change))
    for given in difference.inputs:
        keys = " → ".join(reference.key[:8] if reference else "none" for reference in (given.old, given.new))
        branch = tree.add(plain(f"input {given.name}  {keys}") + plain(f"  {given.note}" if given.note else "", "dim"))
        if given.cause is not None:
            _add(branch, given.cause)


def _line(change: Change) -> Text:
    kind, _, rest = change.name.partition(".")
    names = {"settings": rest, "outside": f"outside input {rest}", "version": "VERSION of the stage"}
    name = names.get(kind, change.name)
    return plain(f"{name}  {_from_to(change)}")


def _from_to(change: Change) -> str:
    old, new = (shorten(value, _LONGEST) for value in (change.old, change.new))
    # Of long values, the place where they part.
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    start = max(0, same - _BEFORE) if max(len(old), len(new)) > _LONG else 0
    cut = [f"{'…' if start else ''}{shorten(text[start:])}" for text in (old, new)]
    return " → ".join(cut)


def _print_versions(difference: Difference) -> None:
    if difference.versions:
        tree = Tree(plain("versions, which are in no key", "dim"))
        for change in difference.versions:
            tree.add(plain(f"{change.name.removeprefix('packages.')}  {_from_to(change)}"))
        out.print(tree)


def _change_as_json(change: Change) -> dict[str, Any]:
    return {"name": change.name, "old": change.old, "new": change.new}
