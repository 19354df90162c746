"""What ``saga verify`` and ``saga gc`` print."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from flows.terminal import count, out, plain, size
from saga_core.ages import age_in_words
from saga_core.artifacts.cache import Copy
from saga_core.artifacts.collection import Item, Plan, Terms, Why
from saga_core.artifacts.inventory import Address
from saga_core.artifacts.lineage import size_of
from saga_core.artifacts.snapshot import Snapshot
from saga_core.artifacts.store import Store
from saga_core.artifacts.verification import Finding, Survey


def print_verified(store: Store, surveyed: Survey, found: Sequence[Finding], *, set_aside: bool) -> None:
    """Print what was verified, and what came of it."""
    pieces = f", {count(surveyed.pieces, 'piece')} of unfinished work" if surveyed.pieces else ""
    hashed = f"{count(len(surveyed.checks), 'file')} with {size(surveyed.bytes)} hashed"
    out.print(plain(f"{count(surveyed.artifacts, 'artifact')}{pieces}, {hashed} in {store.uri}"))
    if surveyed.orphans:
        files, orphans = count(len(surveyed.orphans), "file"), size(sum(entry.size for entry in surveyed.orphans))
        out.print(plain(f"{files} with {orphans} that no record names; saga gc removes what nobody works on", "dim"))
    if not found:
        out.print(plain("nothing is damaged", "green"))
        return
    can_be = any(finding.address is not None for finding in found)
    advice = "" if set_aside or not can_be else "; saga verify --set-aside makes the next run make them again"
    out.print(plain(f"{count(len({finding.file for finding in found}), 'damaged file')}{advice}", "red"))


def verified_as_json(store: Store, surveyed: Survey, found: Sequence[Finding]) -> dict[str, Any]:
    """Return what ``saga verify --json`` prints."""
    damaged = [
        {
            "file": finding.file,
            "what": finding.what,
            "stage": finding.address.stage if finding.address else None,
            "key": finding.address.key if finding.address else None,
            "piece": finding.piece,
        }
        for finding in found
    ]
    return {
        "store": store.uri,
        "artifacts": surveyed.artifacts,
        "pieces": surveyed.pieces,
        "files": len(surveyed.checks),
        "bytes": surveyed.bytes,
        "damaged": damaged,
        "orphans": {"files": len(surveyed.orphans), "bytes": sum(entry.size for entry in surveyed.orphans)},
    }


def print_collected(
    store: Store,
    snapshot: Snapshot,
    plan: Plan,
    terms: Terms,
    gone: Sequence[Item],
    copies: Sequence[Copy],
    *,
    dry_run: bool,
) -> None:
    """Print what went, or would, and what stays and why."""
    for path, what in snapshot.unreadable.items():
        out.print(plain(f"{store.storage.locate(path)}: {what}"))
    if snapshot.unreadable:
        remedy = "remove links; saga verify --set-aside puts damaged records aside"
        out.print(plain(f"what these refer to cannot be told, so no artifact goes; {remedy}", "yellow"))
    if gone:
        out.print(_gone(gone, "would go" if dry_run else "gone"))
    spared = len(plan.items) - len(gone)
    if spared:
        out.print(plain(f"{spared} came to be needed meanwhile, or changed, and stay"))
    _print_kept(snapshot, plan, terms)
    freed = size(sum(item.size for item in gone))
    if dry_run:
        out.print(
            plain(f"a dry run: nothing was removed, {freed} would be freed" if gone else "nothing would be removed")
        )
    else:
        out.print(plain(f"{freed} freed in {store.uri}" if gone else f"nothing to remove in {store.uri}"))
    if copies:
        total = size(sum(copy.size for copy in copies))
        verb = "would go" if dry_run else "gone"
        names = f"{len(copies):,} unused cop{'y' if len(copies) == 1 else 'ies'}"
        out.print(plain(f"{names} of remote artifacts on this disk {verb}, {total}"))


def _gone(gone: Sequence[Item], title: str) -> Table:
    groups: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in gone:
        groups[item.kind.value, item.address.stage if item.address else ""].append(item)
    table = Table(title, "of", box=None)
    for name in ("number", "files", "size"):
        table.add_column(name, justify="right")
    for (kind, stage), items in [*sorted(groups.items()), (("in all", ""), gone)]:
        files, total = sum(item.files for item in items), sum(item.size for item in items)
        table.add_row(kind, stage, f"{len(items):,}", f"{files:,}", size(total))
    return table


def _print_kept(snapshot: Snapshot, plan: Plan, terms: Terms) -> None:
    groups: defaultdict[Why, list[Address]] = defaultdict(list)
    for address, reason in plan.kept.items():
        groups[reason].append(address)
    if not groups:
        return
    words = {Why.AGE: f"used in the last {age_in_words(terms.age).removeprefix('1 ')}"}
    for reason, whose in ((Why.CHAMPION, snapshot.champions), (Why.LEASE, snapshot.running | snapshot.needed)):
        words[reason] = f"{reason.value}: {', '.join(sorted({whose[address] for address in groups[reason]}))}"
    table = Table("kept", box=None)
    for name in ("number", "size"):
        table.add_column(name, justify="right")
    for reason in Why:
        if addresses := groups[reason]:
            total = sum(size_of(snapshot.records[address]) for address in addresses)
            table.add_row(plain(words.get(reason, reason.value)), f"{len(addresses):,}", size(total))
    out.print(table)


def collected_as_json(
    store: Store, snapshot: Snapshot, plan: Plan, terms: Terms, gone: Sequence[Item], copies: Sequence[Copy]
) -> dict[str, Any]:
    """Return what ``saga gc --json`` prints."""
    return {
        "store": store.uri,
        "older_than_seconds": terms.age,
        "recipe": terms.recipe,
        "removed": [
            {
                "kind": item.kind.value,
                "stage": item.address.stage if item.address else None,
                "key": item.address.key if item.address else None,
                "files": item.files,
                "bytes": item.size,
            }
            for item in gone
        ],
        "freed": sum(item.size for item in gone),
        "local_copies": {"number": len(copies), "bytes": sum(copy.size for copy in copies)},
        "kept": [
            {
                "stage": address.stage,
                "key": snapshot.records[address].key,
                "why": reason.value,
                "bytes": size_of(snapshot.records[address]),
            }
            for address, reason in plan.kept.items()
        ],
        "unreadable": {store.storage.locate(path): what for path, what in snapshot.unreadable.items()},
    }
