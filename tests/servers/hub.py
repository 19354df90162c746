"""As much of the Hugging Face Hub as its client needs to push a model and to load it again: a real server in memory."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from servers.ports import reserve

TOKEN = "hf_of_the_tests_alone"
READ_ONLY = "hf_that_may_only_read"
_TEXT = (".json", ".md", ".html", ".txt", ".py")


@dataclass
class Repository:
    """A repository: the files of each commit, the last one the head.

    Attributes:
        private: Whether only a token sees it.
        commits: Commit ids, with the files that each has, by path.
        messages: Their messages.
        large: Paths that came as large files.
    """

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})
    messages: list[str] = field(default_factory=list)
    large: set[str] = field(default_factory=set)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.head]

    def commit(self, files: dict[str, bytes], message: str) -> str:
        parts = [self.head, message, *(f"{path} {hashlib.sha256(data).hexdigest()}" for path, data in files.items())]
        name = hashlib.sha1("\n".join(parts).encode()).hexdigest()
        self.commits[name] = files
        self.messages.append(message)
        return name


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    body: bytes
    token: str | None

    def json(self) -> Any:  # noqa: ANN401 - whatever the client sends
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """An answer; ``error`` is what the Hub calls it in a header."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, value: object, status: int = 200) -> Self:
        return cls(status, json.dumps(value).encode(), (("Content-Type", "application/json"),))

    @classmethod
    def refusal(cls, status: int, code: str = "", message: str = "") -> Self:
        return cls(status, json.dumps({"error": message or code}).encode(), (("X-Error-Code", code),))


class HubServer:
    """The stand-in; a context manager that starts and stops it.

    Attributes:
        endpoint: Its URL.
        repositories: What it holds, by ``org/name``.
        asked: All requests, in order.
        failing: What part of a path fails, and with which status; empty for none.
    """

    def __init__(self) -> None:
        port = reserve()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.failing: dict[str, int] = {}
        self._blobs: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a client here; without Xet, for that has a protocol of its own."""
        return {"HF_ENDPOINT": self.endpoint, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}

    def answer(self, asked: Asked) -> Answer:
        """Answer a request."""
        self.asked.append(asked)
        if found := next((status for part, status in self.failing.items() if part in asked.path), None):
            return Answer.refusal(found, message="it fails")
        if asked.token not in (None, TOKEN, READ_ONLY):
            return Answer(401, b"{}", (("X-Error-Message", "Invalid credentials in Authorization header"),))
        parts = asked.path.strip("/").split("/")
        match asked.method, parts:
            case "GET", ["api", "whoami-v2"]:
                return Answer.of({"type": "user", "name": "org", "auth": {}})
            case "POST", ["api", "validate-yaml"]:
                return self._validate(asked)
            case "POST", ["api", "repos", "create"]:
                return self._create(asked)
            case "PUT", ["blobs", oid]:
                return self._take_blob(oid, asked.body)
            case "POST", [_, _, "info", "lfs", "objects", "batch"]:
                return self._batch(asked)
            case _, ["api", "models", owner, name, *rest]:
                return self._of_repository(asked, f"{owner}/{name}", rest)
            case "GET" | "HEAD", [owner, name, "resolve", revision, *path]:
                return self._resolve(asked, f"{owner}/{name}", revision, "/".join(path))
        return Answer.refusal(404, "EntryNotFound", f"{asked.method} {asked.path} is not in the stand-in")

    def _validate(self, asked: Asked) -> Answer:
        good = asked.json()["content"].startswith("---\n")
        return Answer.of({"errors": [], "warnings": []} if good else {"errors": [{"message": "no front matter"}]})

    def _create(self, asked: Asked) -> Answer:
        asks = asked.json()
        name = f"{asks['organization']}/{asks['name']}"
        if asked.token != TOKEN or asks["organization"] != "org":
            return Answer.refusal(403, message="You don't have the rights to create a model under this namespace")
        if name in self.repositories:
            return Answer.of({"error": "You already created this model repo", "url": f"{self.endpoint}/{name}"}, 409)
        self.repositories[name] = Repository(asks.get("visibility") == "private")
        return Answer.of({"url": f"{self.endpoint}/{name}"})

    def _of_repository(self, asked: Asked, name: str, rest: list[str]) -> Answer:
        repository = self._seen(name, asked)
        if repository is None:
            return Answer.refusal(404, "RepoNotFound")
        match asked.method, rest:
            case "GET", [] | ["revision", _]:
                files = [{"rfilename": path} for path in repository.files]
                return Answer.of(
                    {"id": name, "sha": repository.head, "private": repository.private, "siblings": files, "tags": []}
                )
            case "POST", ["preupload", "main"]:
                return Answer.of({"files": [self._mode(repository, each) for each in asked.json()["files"]]})
            case "POST", ["commit", "main"]:
                return self._commit(repository, name, asked)
            case "GET", ["tree", _, *_]:
                return Answer.refusal(404, "EntryNotFound")
        return Answer.refusal(404, "EntryNotFound", f"{asked.method} {asked.path} is not in the stand-in")

    def _seen(self, name: str, asked: Asked) -> Repository | None:
        repository = self.repositories.get(name)
        return None if repository is None or (repository.private and asked.token is None) else repository

    def _mode(self, repository: Repository, file: dict[str, Any]) -> dict[str, Any]:
        large = not file["path"].endswith(_TEXT)
        data = repository.files.get(file["path"])
        git = None if data is None else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        oid = git if data is None or not large else hashlib.sha256(data).hexdigest()
        return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid}

    def _batch(self, asked: Asked) -> Answer:
        objects = []
        for each in asked.json()["objects"]:
            there = each["oid"] in self._blobs
            upload = {"upload": {"href": f"{self.endpoint}/blobs/{each['oid']}", "header": {}}}
            objects.append({**each, **({} if there else {"actions": upload})})
        return Answer.of({"transfer": "basic", "objects": objects})

    def _take_blob(self, oid: str, data: bytes) -> Answer:
        if hashlib.sha256(data).hexdigest() != oid:
            return Answer.refusal(400, message="the content has another digest")
        self._blobs[oid] = data
        return Answer(body=b"")

    def _commit(self, repository: Repository, name: str, asked: Asked) -> Answer:
        if asked.token != TOKEN:
            return Answer.refusal(403, message="you may not write here")
        lines = [json.loads(line) for line in asked.body.splitlines()]
        (header,) = (line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, repository.head):
            return Answer.refusal(412, message="A commit has happened since")
        files = dict(repository.files)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self._blobs:
                    return Answer.refusal(400, message=f"{value['path']} was never uploaded")
                files[value["path"]] = self._blobs[value["oid"]]
                repository.large.add(value["path"])
        commit = repository.commit(files, header["summary"])
        return Answer.of({"commitUrl": f"{self.endpoint}/{name}/commit/{commit}", "commitOid": commit, "success": True})

    def _resolve(self, asked: Asked, name: str, revision: str, path: str) -> Answer:
        repository = self._seen(name, asked)
        if repository is None:
            return Answer.refusal(404, "RepoNotFound")
        commit = repository.head if revision == "main" else revision
        data = repository.commits.get(commit, {}).get(path)
        if data is None:
            return Answer(404, b"", (("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", commit)))
        etag = hashlib.sha256(data).hexdigest()
        return Answer(200, data, (("ETag", f'"{etag}"'), ("X-Repo-Commit", commit)))


def _handler(hub: HubServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = self._chunks()
            bearer = self.headers.get("Authorization")
            asked = Asked(
                self.command, urlsplit(self.path).path, body, bearer.removeprefix("Bearer ") if bearer else None
            )
            answer = hub.answer(asked)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = handle_one  # noqa: N815 - as http.server looks for them

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler
