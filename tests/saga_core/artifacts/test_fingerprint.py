import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.artifacts.fingerprint import canonical, digest, hash_tree
from saga_core.errors import SagaError

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain)
def test_canonical_json_reads_back_as_what_was_written(value: object) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text(), plain, min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


@given(plain, plain)
def test_different_values_have_different_digests(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: "a"}, {1, 2}, b"bytes", Path("x"), [object()]])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(SagaError):
        canonical(value)


def test_a_tuple_is_a_list_and_minus_zero_is_zero() -> None:
    assert canonical((1, (2,))) == canonical([1, [2]])
    assert canonical(-0.0) == canonical(0.0)


def test_a_tree_is_its_relative_paths_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text("text")
    assert hash_tree(tmp_path / "one") == hash_tree(tmp_path / "two")
    (tmp_path / "two" / ".hidden").write_text("ignored")
    assert hash_tree(tmp_path / "one") == hash_tree(tmp_path / "two")
    (tmp_path / "two" / "sub" / "file").rename(tmp_path / "two" / "sub" / "renamed")
    assert hash_tree(tmp_path / "one") != hash_tree(tmp_path / "two")
