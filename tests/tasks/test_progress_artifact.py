"""Progress goes to a server of the user's own, whatever becomes of that server, and to no other."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from servers.ports import reserve

from saga_core.progress import progress
from tasks.progress_artifact import posting

RUNS = (str(uuid4()), str(uuid4()))


class Listener:
    """Answers like the server's two routes for artifacts, and keeps what it was sent.

    The server itself takes twenty seconds to start: ``tests/flows/test_align.py`` has it.

    Attributes:
        sent: Method, path, authorization and body of each request.
    """

    def __init__(self, port: int = 0) -> None:
        self.sent: list[tuple[str, str, str | None, dict[str, Any]]] = []
        sent = self.sent

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                sent.append((self.command, self.path, self.headers.get("Authorization"), body))
                made = {"id": str(uuid4()), "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"}
                answer = json.dumps(made | body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                # A server that wants no token has none to give.
                self.send_error(404)

            do_POST = do_PATCH = _answer  # noqa: N815 - http.server's names

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def artifacts(self) -> list[tuple[str, str, str | None, dict[str, Any]]]:
        return [each for each in self.sent if "/artifacts/" in each[1]]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


def until_sent(listener: Listener, many: int) -> None:
    deadline = time.monotonic() + 20
    while len(listener.artifacts()) < many:
        assert time.monotonic() < deadline, listener.sent
        time.sleep(0.02)


def test_one_artifact_is_made_and_brought_up_to_date(listener: Listener) -> None:
    settings = {PREFECT_API_URL: listener.url, PREFECT_API_AUTH_STRING: "someone:secret"}
    with temporary_settings(settings), posting(*RUNS, every=0.05), progress("candidates", 4800, "rows") as tick:
        tick(120)
        until_sent(listener, 1)
        tick(4680)
    made, *updates = listener.artifacts()
    method, path, authorization, body = made
    assert (method, path) == ("POST", "/api/artifacts/")
    assert authorization is not None
    assert authorization.startswith("Basic ")
    assert (body["type"], body["task_run_id"], body["flow_run_id"], body["data"]) == ("progress", *RUNS, 2.5)
    assert body["description"].startswith("candidates: 120/4800 rows, ")
    assert body["description"].endswith(" s left")
    method, path, _, body = updates[-1]
    assert method == "PATCH"
    assert body["data"] == 100.0
    assert body["description"].startswith("candidates: 4800/4800 rows, ")


def test_of_an_unknown_total_the_text_alone_tells(listener: Listener) -> None:
    with (
        temporary_settings({PREFECT_API_URL: listener.url}),
        posting(*RUNS, every=60),
        progress("reading", None, "documents") as tick,
    ):
        tick(7)
    ((_, _, _, body),) = listener.artifacts()
    assert body["data"] == 0.0
    assert body["description"].startswith("reading: 7 documents, ")


def test_work_that_shows_no_progress_leaves_none(listener: Listener) -> None:
    with temporary_settings({PREFECT_API_URL: listener.url}), posting(*RUNS, every=0.01):
        time.sleep(0.05)
    assert not listener.sent


def test_without_a_server_of_ones_own_nothing_is_watched() -> None:
    before = threading.active_count()
    with temporary_settings(restore_defaults={PREFECT_API_URL}), posting(*RUNS, every=0.01):
        assert threading.active_count() == before


def test_a_server_that_is_away_holds_nothing_up() -> None:
    away = f"http://127.0.0.1:{reserve()}/api"
    start = time.monotonic()
    with temporary_settings({PREFECT_API_URL: away}), posting(*RUNS, every=0.01), progress("work", 2, "rows") as tick:
        tick(2)
    assert time.monotonic() - start < 10


@pytest.mark.slow
def test_a_server_that_comes_back_is_posted_to_again(capsys: pytest.CaptureFixture[str]) -> None:
    port = reserve()
    url = f"http://127.0.0.1:{port}/api"
    with (
        temporary_settings({PREFECT_API_URL: url}),
        posting(*RUNS, every=0.02),
        progress("work", 10_000, "rows") as tick,
    ):
        told, deadline = "", time.monotonic() + 30
        while "not shown elsewhere" not in told:
            assert time.monotonic() < deadline
            tick()
            told += capsys.readouterr().err
            time.sleep(0.02)
        back = Listener(port)
        try:
            while not back.artifacts():
                assert time.monotonic() < deadline
                tick()
                time.sleep(0.02)
        finally:
            back.stop()
    assert (told + capsys.readouterr().err).count("not shown elsewhere") == 1
