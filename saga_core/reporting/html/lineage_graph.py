"""The lineage, drawn like a parse: stages below each other, an arc from each to what was made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from saga_core.reporting.html.svg import WIDTH, add, drawing, markup, number

_ROW = 34.0
_NAME = 26.0
_ARCS = 164.0
_STEP = 15.0


def essential(inputs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the inputs less those that another input was itself made from: the transitive reduction.

    Args:
        inputs: By stage, in the order in which they were made; inputs that are no stage here are left out.
    """
    above: dict[str, set[str]] = {}
    kept: dict[str, list[str]] = {}
    for stage, names in inputs.items():
        known = [name for name in names if name in above]
        indirect = {each for name in known for each in above[name]}
        kept[stage] = [name for name in known if name not in indirect]
        above[stage] = indirect | set(known)
    return kept


def lineage_graph(title: str, keys: Mapping[str, str], inputs: Mapping[str, Sequence[str]]) -> Markup:
    """Return the graph as inline SVG.

    Args:
        title: What it shows, for those who cannot see it.
        keys: Short key by stage, in the order in which they were made; blank where there is no artifact.
        inputs: Names of inputs by stage.
    """
    places = {stage: place for place, stage in enumerate(keys)}
    arcs = [(places[name], places[stage]) for stage, names in essential(inputs).items() for name in names]
    lanes = _lanes(arcs)
    height = _ROW * len(keys) + 8
    root = drawing(max(WIDTH, _ARCS + _STEP * (max(lanes.values(), default=0) + 2)), height, title)
    for place, (stage, key) in enumerate(keys.items()):
        y = _ROW * (place + 0.5) + 4
        add(root, "circle", "stage" if key else "stage empty", cx=10, cy=y, r=5)
        add(root, "text", "name", stage, x=_NAME, y=y + 1)
        add(root, "text", "tick", key or "no artifact", x=_NAME, y=y + 14)
    for source, target in arcs:
        top, bottom = _ROW * (source + 0.5) + 4, _ROW * (target + 0.5) + 4
        across = _ARCS + _STEP * lanes[(source, target)]
        # It leaves a little below the middle of its row and arrives a little above: two arcs of a row do not touch.
        path = (
            f"M{number(_ARCS - 12)} {number(top + 4)}H{number(across - 6)}Q{number(across)} {number(top + 4)} "
            f"{number(across)} {number(top + 10)}V{number(bottom - 10)}Q{number(across)} {number(bottom - 4)} "
            f"{number(across - 6)} {number(bottom - 4)}H{number(_ARCS - 8)}"
        )
        add(root, "path", "arc", d=path)
        left, right = number(_ARCS - 14), number(_ARCS - 6)
        add(
            root,
            "path",
            "arrow",
            d=f"M{right} {number(bottom - 8)}V{number(bottom)}L{left} {number(bottom - 4)}Z",
        )
    return markup(root)


def _lanes(arcs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Give every arc the nearest lane in which it meets no other; the short ones first."""
    taken: dict[tuple[int, int], int] = {}
    for arc in sorted(arcs, key=lambda arc: (arc[1] - arc[0], arc)):
        source, target = arc
        crossed = {lane for (a, b), lane in taken.items() if a < target and source < b}
        taken[arc] = next(lane for lane in range(1, len(arcs) + 2) if lane not in crossed)
    return taken
