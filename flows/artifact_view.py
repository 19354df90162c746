"""``saga show`` of an artifact: what made it, from what, its files, and what was made from it."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from flows.terminal import count, out, plain, print_json, size
from saga_core.artifacts.difference import flat
from saga_core.artifacts.lineage import Node, referring, size_of, trace
from saga_core.artifacts.naming import find_artifact
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store

_SHORT = 8


def show_artifact(store: Store, name: str, *, as_json: bool) -> None:
    """Print an artifact with its lineage.

    Raises:
        UserError: No artifact has this name.
    """
    record = find_artifact(store, name)
    lineage, users = trace(store, record), referring(store, record)
    out.print(plain(f"{record.stage}/{record.key}", "bold"))
    out.print(plain(store.reference(record).uri))
    out.print(_made(record))
    out.print(_files(record))
    out.print("\nmade from")
    out.print(_tree(lineage))
    total = sum(size_of(node.record) for node in lineage.all() if node.record)
    out.print(plain(f"{count(len(list(lineage.all())), 'artifact')}, {size(total)}", "dim"))
    out.print("\nmade from it" if users else "\nnothing was made from it")
    for user in users:
        out.print(headline_of(user))
    if as_json:
        print_json(_as_json(store, record, lineage, users))


def headline_of(record: Record) -> Text:
    """Return an artifact in one line."""
    line = Text(f"{record.stage} {record.key[:_SHORT]}")
    return line + plain(f"  {size(size_of(record))}, {when(record)}, {record.recipe}", "dim")


def when(record: Record) -> str:
    """Return when an artifact was made, to the minute."""
    return record.created[:16].replace("T", " ")


def _made(record: Record) -> Table:
    made, commit = record.provenance, record.provenance.commit
    table = Table.grid(padding=(0, 2))
    rows = {
        "made": f"{when(record)} UTC in {record.seconds:.1f} s by a run of {record.recipe}, on {made.host}",
        "code": f"{record.stage} VERSION {record.payload.get('version')}, saga {made.saga}"
        + (f", commit {commit[:12]}" if commit else "")
        + f", Python {made.python}",
        "packages": ", ".join(f"{name} {version}" for name, version in made.packages.items()),
        "settings": _fields(record.payload.get("settings")),
        "outside": _fields(record.payload.get("outside")),
        "result": record.digest,
    }
    for name, text in rows.items():
        if text:
            table.add_row(plain(name, "dim"), plain(text))
    return table


def _fields(value: Any) -> str:  # noqa: ANN401 - nested JSON
    return ", ".join(f"{name} {shorten(item)}" for name, item in flat(value or {}).items())


def shorten(value: object, most: int = 40) -> str:
    """Return a value in at most so many characters; a digest in eight."""
    text = "none" if value is None else str(value)
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text[:_SHORT]
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _files(record: Record) -> Table:
    table = Table("file", box=None, title_justify="left")
    table.add_column("size", justify="right")
    for file in record.files:
        table.add_row(plain(file.path), size(file.size))
    if len(record.files) > 1:
        table.add_row(plain(count(len(record.files), "file"), "dim"), plain(size(size_of(record)), "dim"))
    return table


def _tree(node: Node) -> Tree:
    tree = Tree(_label(node))
    for inner in node.inputs:
        tree.add(_tree(inner))
    return tree


def _label(node: Node) -> Text:
    key = node.reference.key[:_SHORT]
    line = plain(
        f"{node.name} {key}" if node.name == node.reference.stage else f"{node.name} = {node.reference.stage} {key}"
    )
    if node.repeated:
        line += plain("  above", "dim")
    elif node.record is not None:
        made = node.record.provenance
        code = f", {made.commit[:7]}" if made.commit else ""
        size_, seconds = size(size_of(node.record)), node.record.seconds
        line += plain(f"  {size_}, {when(node.record)}, {seconds:.1f} s, {node.record.recipe}{code}", "dim")
    return line + plain(f"  {node.note}", "yellow") if node.note else line


def _as_json(store: Store, record: Record, lineage: Node, users: list[Record]) -> dict[str, Any]:
    return {
        "store": store.uri,
        "artifact": record.model_dump(mode="json"),
        "bytes": size_of(record),
        "lineage": [
            {
                "stage": node.reference.stage,
                "key": node.reference.key,
                "digest": node.reference.digest,
                "uri": node.reference.uri,
                "bytes": size_of(node.record) if node.record else None,
                "provenance": node.record.provenance.model_dump() if node.record else None,
                "recipe": node.record.recipe if node.record else None,
                "created": node.record.created if node.record else None,
                "seconds": node.record.seconds if node.record else None,
                "note": node.note,
                "inputs": {inner.name: inner.reference.key for inner in node.inputs},
            }
            for node in lineage.all()
        ],
        "made_from_it": [{"stage": user.stage, "key": user.key, "created": user.created} for user in users],
    }
