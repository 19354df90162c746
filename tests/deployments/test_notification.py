"""The webhook's address: an http one, and never repeated in an error."""

import pytest

from deployments.notification import check_url
from saga_core.errors import UserError


@pytest.mark.parametrize("url", ["https://hooks.example.org/services/T0/secret", "http://127.0.0.1:9000/x"])
def test_an_address(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize("url", ["hooks.example.org/secret", "ftp://example.org/secret", "https://", "http://[secret"])
def test_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UserError, match="SAGA_NOTIFY_URL") as error:
        check_url(url)
    assert "secret" not in str(error.value)
