"""What a soak calls growth."""

from benchmarks.growth import Sample, grown


def samples(megabytes: list[float]) -> list[Sample]:
    return [Sample(ended, {"api": size, "postgres": 70.0}, 56, 7, 30.0, (), 0) for ended, size in enumerate(megabytes)]


def test_what_is_filled_at_first_and_then_stays_is_flat() -> None:
    assert not grown(samples([100, 180, 230, 230, 235, 240, 238, 241, 260]))


def test_what_goes_on_growing_is_named() -> None:
    assert grown(samples([200 + 10 * ended for ended in range(40)])) == ["api grew from 345 to 545 MB"]


def test_a_small_service_may_grow_by_what_a_large_one_would_not_notice() -> None:
    assert not grown(samples([20 + ended for ended in range(40)]))
