"""What each item brings to each metric: the numbers that power, and an interval over training seeds, rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from saga_core.evaluation.acceptability import AcceptabilityOutcome
from saga_core.evaluation.jackknife import pseudo_values
from saga_core.evaluation.statistics import FloatArray, auroc

if TYPE_CHECKING:
    from saga_core.evaluation.outcomes import EvaluationResult

# How a metric comes of its items; a logarithm is what is added up and compared, its exponential what is shown.
Kind = Literal["rate", "mean", "set", "log"]


@dataclass(frozen=True)
class Units:
    """A metric of one model, item by item.

    Attributes:
        kind: ``rate`` or ``mean`` of the items; ``set``: of all items together, the values being jackknife
            pseudo-values; ``log``: likewise, of the metric's logarithm.
        figure: The metric, or its logarithm.
        ids: Ids of the items, (n,).
        values: What each item brings, (n,); their mean is the figure, but for a bias of order 1/n of ``set`` and
            ``log``.
    """

    kind: Kind
    figure: float
    ids: tuple[str, ...]
    values: FloatArray

    def ordered(self, ids: Sequence[str]) -> Units:
        """Return the units in the order of these ids, which are its own."""
        place = {name: i for i, name in enumerate(self.ids)}
        return Units(self.kind, self.figure, tuple(ids), self.values[[place[name] for name in ids]])


def units_of(result: EvaluationResult) -> dict[str, Units]:
    """Return the units of each metric that an evaluation has, by metric."""
    found = {
        "parse_success": _items("rate", result.parse, "passed"),
        "parse_score": _items("mean", result.parse, "quality"),
        "ppl": _ratio("log", result.perplexity, "tokens", 1.0),
        "bits_per_byte": _ratio("set", result.perplexity, "bytes", float(np.log(2.0))),
        "scala_auroc": _pairs(result.scala),
        "acceptability_auroc": _labelled(result.acceptability),
        "summ_ps": _items("rate", result.summaries, "passed"),
        "summ_score": _items("mean", result.summaries, "quality"),
        "rc_aps": _items("rate", result.reading, "passed"),
        "rc_f1": _items("mean", result.reading, "f1"),
        "rc_em": _items("rate", result.reading, "em"),
        "mattr": _items("mean", result.parse, "mattr"),
    }
    return {metric: units for metric, units in found.items() if units is not None}


def _items(kind: Kind, outcomes: Sequence[Any], name: str) -> Units | None:
    if not outcomes:
        return None
    values = np.array([getattr(outcome, name) for outcome in outcomes], np.float64)
    return Units(kind, float(values.mean()), _ids(outcomes), values)


def _ratio(kind: Kind, documents: Sequence[Any], size: str, scale: float) -> Units | None:
    """Return the units of Σ nll / Σ size, in nats a token or bits a byte."""
    if not documents:
        return None
    nll = np.array([document.nll for document in documents], np.float64) / scale
    length = np.array([getattr(document, size) for document in documents], np.float64)
    return _jackknifed(
        kind,
        float(nll.sum() / length.sum()),
        lambda: (nll.sum() - nll) / (length.sum() - length),
        _ids(documents),
    )


def _pairs(pairs: Sequence[Any]) -> Units | None:
    if not pairs:
        return None
    good = np.array([pair.good for pair in pairs], np.float64)
    bad = np.array([pair.bad for pair in pairs], np.float64)
    return _jackknifed("set", float(auroc(good, bad)), lambda: _auroc_without_each(good, bad), _ids(pairs))


def _labelled(outcomes: Sequence[AcceptabilityOutcome]) -> Units | None:
    if not outcomes:
        return None
    right = np.array([outcome.right for outcome in outcomes])
    scores = np.array([outcome.score for outcome in outcomes], np.float64)
    figure = float(auroc(scores[right], scores[~right]))
    return _jackknifed("set", figure, lambda: _auroc_without_each_label(scores, right, figure), _ids(outcomes))


def _auroc_without_each_label(scores: FloatArray, right: NDArray[np.bool_], area: float) -> FloatArray:
    """Return the AUROC without the i-th sentence, (n,): the mean of the placements of the others of its label."""
    without = np.empty_like(scores)
    for label, sign in ((True, 1.0), (False, -1.0)):
        own, others = sign * scores[right == label], sign * scores[right != label]
        ranks = scipy.stats.rankdata(np.concatenate([own, others]))[: len(own)]
        placed = (ranks - scipy.stats.rankdata(own)) / len(others)
        # Of the only sentence of its label nothing can be told by leaving it out.
        without[right == label] = (len(own) * area - placed) / (len(own) - 1) if len(own) > 1 else area
    return without


def _auroc_without_each(good: FloatArray, bad: FloatArray) -> FloatArray:
    """Return the AUROC without the i-th pair, (n,), by ranks as in ``delong``."""
    n = len(good)
    together = scipy.stats.rankdata(np.concatenate([good, bad]))
    outscored = together[:n] - scipy.stats.rankdata(good)
    outscoring = n - (together[n:] - scipy.stats.rankdata(bad))
    own = (good > bad) + 0.5 * (good == bad)
    return np.asarray((outscored.sum() - outscored - outscoring + own) / (n - 1) ** 2, np.float64)


def _jackknifed(kind: Kind, figure: float, without: Callable[[], FloatArray], ids: tuple[str, ...]) -> Units:
    # Without its only item a set has no figure.
    values = pseudo_values(figure, without()) if len(ids) > 1 else np.array([figure])
    return Units(kind, figure, ids, values)


def _ids(outcomes: Sequence[Any]) -> tuple[str, ...]:
    return tuple(getattr(o, "prompt_id", None) or o.item_id for o in outcomes)
