"""Pushing files to a repository of the Hugging Face Hub: in one commit, and each failure in one line.

Endpoint and token are those that ``huggingface_hub`` finds: ``HF_ENDPOINT``, and ``HF_TOKEN`` or what ``hf auth login``
has kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_session, get_token
from huggingface_hub import logging as hub_logging
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import disable_progress_bars, validate_repo_id

from saga_core.errors import HubError, SagaError, UserError

# For each step of a request, so that a large file on a slow line takes what it takes.
_ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Pushed:
    """What came of a push.

    Attributes:
        url: Of the repository.
        commit: The commit that holds the files, 40 hex digits.
        changed: Whether it was made now; False where the repository held the same already.
    """

    url: str
    commit: str
    changed: bool


def check_repository(name: str, where: str) -> None:
    """Refuse what is no name of a repository.

    Args:
        name: Should be ``org/name``.
        where: The option that gave it.

    Raises:
        UserError: It is not.
    """
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        what = " ".join(str(error).split()).rstrip(".")
        raise UserError(what[:1].lower() + what[1:], f"{where} {name}", "give org/name") from error
    if "/" not in name:
        raise UserError("a repository's name without its owner", f"{where} {name}", "give org/name")


def push(repository: str, files: Mapping[str, Path | bytes], message: str, *, private: bool) -> Pushed:
    """Put files into a model repository, which is made where there is none; files that it holds beside them stay.

    Args:
        repository: ``org/name``.
        files: A file or its bytes, by its path in the repository.
        message: Of the commit.
        private: Whether only its owners may see it; a repository that others can see already is refused.

    Raises:
        UserError: There is no token, or it may not write there; or the repository is public and should be private.
        HubError: The Hub cannot be reached, or refused.
    """
    hub_logging.set_verbosity_error()
    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi()
    with _told(repository, api.endpoint):
        token = get_token()
        if token is None:
            raise UserError("no token for the Hub", "HF_TOKEN", "set it to one that may write, or run: hf auth login")
        if not token.isascii():
            raise UserError("it has characters that no token has", "HF_TOKEN", "set it to one that may write")
        # The client itself waits for ever for a Hub that takes a request and does not answer it.
        get_session().timeout = _ANSWER_SECONDS
        api.create_repo(repository, private=private or None, exist_ok=True)
        before = api.model_info(repository)
        if private and not before.private:
            what = "the repository is there already, and is public"
            raise UserError(what, repository, "make it private in its settings, or leave out --private")
        additions = [CommitOperationAdd(path, file) for path, file in files.items()]
        commit = api.create_commit(repository, additions, commit_message=message, parent_commit=before.sha)
    return Pushed(f"{api.endpoint}/{repository}", commit.oid, commit.oid != before.sha)


@contextmanager
def _told(repository: str, endpoint: str) -> Iterator[None]:
    """Turn whatever the client or the network raises into one line."""
    try:
        yield
    except SagaError:
        raise
    except HfHubHTTPError as error:
        raise _refusal(error, repository, endpoint) from error
    except OfflineModeIsEnabled as error:
        raise UserError("the Hub may not be asked: HF_HUB_OFFLINE is set", endpoint, "unset it") from error
    except Exception as error:  # Of the network, of the large files' storage, or of the client's own checks.
        cause = f" ({_line(error.__cause__)})" if error.__cause__ else ""
        raise HubError(f"the push failed: {_line(error)}{cause}", endpoint, _AGAIN) from error


_AGAIN = "check the network and HF_ENDPOINT, then run the same command again"


def _refusal(error: HfHubHTTPError, repository: str, endpoint: str) -> SagaError:
    status = error.response.status_code
    if status == 401:
        return UserError("the Hub does not know the token", f"HF_TOKEN at {endpoint}", "set it to one that may write")
    if status == 403:
        remedy = "use a token with the right to write there, or name another owner"
        return UserError("the token may not write here", repository, remedy)
    if status == 412:
        return HubError("the repository was changed meanwhile", repository, "run the same command again")
    what = error.server_message or _line(error)
    return HubError(f"the Hub answered {status}: {what}", repository, _AGAIN)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
