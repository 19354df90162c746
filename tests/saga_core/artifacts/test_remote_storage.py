"""A remote store that fails: tried again where that helps, told in one line where not, and never taken for empty."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from artifact_making import key_of, make
from servers.exchanges import Exchange
from servers.faults import Fault
from servers.fixtures import Bucket, Proxied

from saga_core.artifacts.fingerprint import hash_file
from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, SagaError, StageError, StoreError, UserError

_SHORT = Patience(seconds=2, first=2, lease=10)
_LONG = Patience(seconds=40, first=40, lease=10)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


_ALSO = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("503", "429", "reset", "truncate", "plain404")]


@pytest.mark.parametrize("kind", ["500", "reset_after", *_ALSO])
def test_what_passes_is_tried_again(bucket: Bucket, proxied: Proxied, kind: str) -> None:
    proxy = proxied(bucket, Fault(kind, 0.25), seed=1)
    store = Store(f"{bucket.url}/store", _LONG)
    made = []
    # Chance goes by paths, and attempts are named at random: two artifacts nearly always meet so many.
    while proxy.faults[kind] <= 3 and len(made) < 20:
        made.append(make(store, f"text {len(made)}", seed=len(made)))
    assert proxy.faults[kind] > 3
    for i, record in enumerate(made):
        assert Store(store.uri, _LONG).look("data", key_of(i)) == (record, None)
        assert (store.fetch(store.reference(record)) / "sub" / "file.txt").read_text() == f"text {i}"


def test_a_write_that_is_not_answered_is_tried_again(bucket: Bucket, proxied: Proxied) -> None:
    # Of a write the client asks before it sends the body, and would wait for that answer without end.
    silent = Fault("timeout", where=lambda e: e.method == "PUT" and e.path.endswith("record.json"), times=1)
    proxied(bucket, silent)
    store = Store(f"{bucket.url}/store", Patience(seconds=10, first=10, lease=10))
    start = time.monotonic()
    made = make(store, leased=False)
    assert 1 < time.monotonic() - start < 20
    assert Store(store.uri).look("data", key_of(0)) == (made, None)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_ENDPOINT_URL", "ftp://localhost"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:99999"),
        ("AWS_ENDPOINT_URL", "http://[::1"),
        ("AWS_ENDPOINT_URL", "http://user:p/hidden@127.0.0.1:9"),
        ("AWS_ENDPOINT_URL", "localhost:9000"),
        ("AWS_DEFAULT_REGION", "a b"),
    ],
)
def test_what_is_no_endpoint_is_the_users_mistake(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    start = time.monotonic()
    with pytest.raises((UserError, StoreError)) as told:
        Store(f"{bucket.url}/store", Patience(seconds=300, first=10)).look("data", key_of(0))
    assert "hidden" not in str(told.value)
    assert "AWS_" in str(told.value)
    if "hidden" not in value:
        assert isinstance(told.value, UserError)
        assert time.monotonic() - start < 5


def test_who_is_not_logged_in_is_told_in_one_line(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = "[profile sso]\nsso_start_url = https://example.org\nsso_region = eu-north-1\n"
    (tmp_path / "config").write_text(f"{config}sso_account_id = 1\nsso_role_name = x\n")
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name)
        for name, value in {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "sso"}.items():
            patch.setenv(name, value)
        with pytest.raises((UserError, StoreError), match=r"log in again|AWS_PROFILE"):
            Store(f"{bucket.url}/store", _SHORT).look("data", key_of(0))
    assert "Traceback" not in capfd.readouterr().err


def test_where_no_copy_can_be_kept_the_cache_is_named(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(Store(f"{bucket.url}/store"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    store = Store(f"{bucket.url}/store")
    with pytest.raises(UserError, match="XDG_CACHE_HOME"):
        store.fetch(store.reference(made))


@pytest.mark.parametrize(
    "kind",
    [
        "500",
        "expired",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("plain404", "reset", "timeout", "garbage")),
    ],
)
def test_an_outage_is_no_miss(bucket: Bucket, proxied: Proxied, kind: str) -> None:
    made = make(Store(f"{bucket.url}/store"))
    proxy = proxied(bucket)
    store = Store(f"{bucket.url}/store", _SHORT)
    assert store.look("data", made.key) is not None
    proxy.inject(Fault(kind, 1.0))
    asks = [lambda: store.look("data", made.key), lambda: store.records("data"), lambda: list(store.runs.newest())]
    for ask in asks if kind in ("garbage", "plain404") else asks[:1]:
        with pytest.raises(StoreError) as told:
            ask()
        assert not isinstance(told.value, DamagedArtifactError)
        assert "\n" not in str(told.value)
    proxy.inject()
    assert store.look("data", made.key) == (made, None)


def test_a_refusal_is_told_at_once(bucket: Bucket, proxied: Proxied) -> None:
    proxied(bucket, Fault("denied", 1.0))
    start = time.monotonic()
    with pytest.raises(StoreError, match=r"AccessDenied.*right to read, write, list and delete"):
        Store(f"{bucket.url}/store", _LONG).look("data", key_of(0))
    assert time.monotonic() - start < 5


def test_a_spoilt_byte_is_fetched_again(bucket: Bucket, proxied: Proxied) -> None:
    made = make(Store(f"{bucket.url}/store"), "a text that is read over a bad line")
    proxy = proxied(bucket)
    store = Store(f"{bucket.url}/store", _LONG)
    # The first reads of the record, then those of the file.
    proxy.inject(Fault("corrupt", times=2))
    assert store.look("data", made.key) == (made, None)
    assert proxy.faults["corrupt"] == 2
    proxy.inject(Fault("corrupt", times=3))
    text = (store.fetch(store.reference(made)) / "sub" / "file.txt").read_text()
    assert text == "a text that is read over a bad line"
    assert proxy.faults["corrupt"] == 5


def test_renewed_credentials_are_read_again(
    bucket: Bucket, proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_old(exchange: Exchange) -> bool:
        return any(
            name.lower() == "authorization" and "Credential=OLD/" in value for name, value in exchange.head.headers
        )

    proxy = proxied(bucket, Fault("expired", 1.0, of_old))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    old = "[default]\naws_access_key_id = OLD\naws_secret_access_key = secret\naws_session_token = token\n"
    new = f"[default]\naws_access_key_id = {proxy.access_key}\naws_secret_access_key = {proxy.secret_key}\n"
    file.write_text(new)
    store = Store(f"{bucket.url}/store", _LONG)
    made = make(store)
    # In mid-run they expire, and some seconds later a helper renews them.
    file.write_text(old)
    store.storage._fs.connect(refresh=True)  # type: ignore[attr-defined]
    threading.Timer(3.0, lambda: file.write_text(new)).start()
    start = time.monotonic()
    assert store.look("data", made.key) == (made, None)
    assert time.monotonic() - start > 2
    assert proxy.faults["expired"] > 1


def test_a_renewal_that_fails_is_tried_again(
    bucket: Bucket, proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = proxied(bucket)
    # A helper that gives credentials fails once in mid-run, as one does whose own session is being renewed.
    helper, fail = tmp_path / "helper", tmp_path / "fail"
    keys = json.dumps({"Version": 1, "AccessKeyId": proxy.access_key, "SecretAccessKey": proxy.secret_key})
    helper.write_text(f"#!/bin/sh\n[ ! -e {fail} ] || {{ rm {fail}; exit 1; }}\necho '{keys}'\n")
    helper.chmod(0o700)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {helper}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    store = Store(f"{bucket.url}/store", _LONG)
    made = make(store)
    proxy.inject(Fault("expired", times=1))
    fail.touch()
    assert store.look("data", made.key) == (made, None)
    assert not fail.exists()


def test_credentials_that_stay_expired_are_told(bucket: Bucket, proxied: Proxied) -> None:
    proxied(bucket, Fault("expired", 1.0))
    with pytest.raises(StoreError, match=r"ExpiredToken.*renew the credentials"):
        Store(f"{bucket.url}/store", _SHORT).look("data", key_of(0))


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://no-such-bucket-here/x", r"NoSuchBucket.*create it or correct --store"),
        ("s3://", "no bucket is named"),
        ("s3://key:secret@bucket/x", "neither credentials nor parameters"),
        # A secret key may hold slashes.
        ("s3://key:sec/secret@bucket/x", "neither credentials nor parameters"),
        ("simplecache::s3://key:sec/secret@bucket/x", "neither credentials nor parameters"),
        ("s3:/bucket/x", "did you mean s3://bucket/x"),
        ("s3:bucket", "did you mean s3://bucket"),
        ("s3:key:sec/secret@bucket", "did you mean s3://…"),
        ("s3://bucket/line\nbreak", "cannot be printed"),
        ("github://x", "cannot open the store"),
        ("zip:///no/such", "cannot open the store"),
    ],
)
def test_a_wrong_uri_is_the_users_mistake(bucket: Bucket, uri: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        Store(uri, _LONG).look("data", key_of(0))
    assert "secret@" not in str(error.value)


def test_a_wrong_endpoint_is_told_soon(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(StoreError, match="AWS_ENDPOINT_URL"):
        Store(f"{bucket.url}/store", Patience(seconds=300, first=3)).look("data", key_of(0))
    assert time.monotonic() - start < 30


def test_no_credentials_are_the_users_mistake(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match="AWS_PROFILE"):
        Store(f"{bucket.url}/store", _LONG).look("data", key_of(0))


def test_neither_records_nor_reports_hold_credentials(bucket: Bucket) -> None:
    store = Store(f"{bucket.url}/store")
    make(store)
    for entry in store.storage.files(""):
        data = store.storage.read(entry.path) or b""
        assert bucket.server.secret_key.encode() not in data
        assert bucket.server.access_key.encode() not in data


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_in_a_download_is_not_the_stores_fault(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(Store(f"{bucket.url}/store"), "x" * 200_000)
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this machine allows no mounts")
    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
        store = Store(f"{bucket.url}/store", _SHORT)
        start = time.monotonic()
        with pytest.raises((StageError, OSError), match=r"disk is full|No space left"):
            store.fetch(store.reference(made))
        assert time.monotonic() - start < 4
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_connection_lost_in_mid_upload_leaves_nothing_that_counts(bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(bucket)
    store = Store(f"{bucket.url}/store", _SHORT)
    assert store.capabilities.conditional_writes
    proxy.at_half(lambda _: proxy.inject(Fault("reset", 1.0)) or True, where=lambda e: e.path.endswith("file.txt"))
    with pytest.raises(SagaError, match="cannot write"):
        make(store, "never arrives" * 1000)
    proxy.inject()
    assert store.look("data", key_of(0)) is None
    assert [e for e in store.storage.files("data") if e.path.endswith("record.json")] == []


_UPLOAD = """
import re, sys
from pathlib import Path
from saga_core.artifacts.store import Store
storage = Store(sys.argv[2]).storage
storage.put(Path(sys.argv[1]), "data/large.safetensors")
# What getrusage says a process inherits from its parent.
print(int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


@pytest.mark.slow
def test_a_large_file_goes_in_parts_with_progress_and_little_memory(ceph_bucket: Bucket, tmp_path: Path) -> None:
    file, copy = tmp_path / "large", tmp_path / "copy"
    with file.open("wb") as opened:
        for _ in range(30):
            opened.write(os.urandom(1 << 24))
    uri = f"{ceph_bucket.url}/store"
    command = [sys.executable, "-c", _UPLOAD, str(file), uri]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert "uploading large.safetensors" in done.stderr
    # The file alone has 503 MB.
    assert float(done.stdout) < 300
    Store(uri).storage.get("data/large.safetensors", copy)
    assert hash_file(copy) == hash_file(file)
