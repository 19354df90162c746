"""The network in numpy: that it is the one of torch that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga_core.judges.slip_network import Floats, look

GAPS, VECTOR, PLACES, LABELS = 11, 6, 5, 3


@pytest.fixture
def vectors() -> Floats:
    return np.random.default_rng(1).normal(size=(GAPS, VECTOR)).astype(np.float32)


def test_it_is_the_bidirectional_lstm_of_torch(vectors: Floats) -> None:
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(VECTOR, PLACES, bidirectional=True)
    labels, whole = torch.nn.Linear(VECTOR + 2 * PLACES, LABELS), torch.nn.Linear(4 * PLACES, 1)
    both = ("", "_reverse")
    weights = {
        "input": torch.stack([getattr(lstm, f"weight_ih_l0{way}") for way in both]),
        "state": torch.stack([getattr(lstm, f"weight_hh_l0{way}") for way in both]),
        "bias": torch.stack([getattr(lstm, f"bias_ih_l0{way}") + getattr(lstm, f"bias_hh_l0{way}") for way in both]),
        "o": labels.weight,
        "bo": labels.bias,
        "s": whole.weight[0],
        "bs": whole.bias,
    }
    seen = look(vectors, {name: value.detach().numpy() for name, value in weights.items()})
    with torch.no_grad():
        given = torch.from_numpy(vectors)
        states = lstm(given[:, None])[0][:, 0]
        expected = torch.log_softmax(labels(torch.cat([given.relu(), states], 1)), 1)
        wrong = whole(torch.cat([states.amax(0), states.mean(0)]))
    assert np.allclose(seen.logs, expected.numpy(), atol=1e-5)
    assert seen.wrong == pytest.approx(float(wrong), abs=1e-5)
    assert seen.doubt == pytest.approx(float(wrong) - 10 * float(expected[:, 0].mean()), abs=1e-3)


def test_large_values_do_not_overflow(vectors: Floats) -> None:
    rng = np.random.default_rng(2)
    shapes = {
        "input": (2, 4 * PLACES, VECTOR), "state": (2, 4 * PLACES, PLACES), "bias": (2, 4 * PLACES),
        "o": (LABELS, VECTOR + 2 * PLACES), "bo": (LABELS,), "s": (4 * PLACES,), "bs": (1,),
    }  # fmt: skip
    weights = {name: (1e3 * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}
    with np.errstate(over="raise", invalid="raise"):
        seen = look(vectors, weights)
    assert np.isfinite(seen.logs).all()
    assert np.isfinite(seen.doubt)
