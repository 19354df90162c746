"""The fault-injecting proxy before moto's server: every fault as a client without retries sees it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    FlexibleChecksumError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from servers.exchanges import Exchange
from servers.faults import Fault, FaultKind
from servers.fixtures import Bucket, Proxied
from servers.moto_process import MotoServer
from servers.proxy import FaultProxy
from servers.s3_endpoint import S3Endpoint

CONTENT = bytes(range(256)) * 40


def put(client: BaseClient, bucket: Bucket, key: str = "key", content: bytes = CONTENT, **more: str) -> None:
    client.put_object(Bucket=bucket.name, Key=key, Body=content, **more)


def get(client: BaseClient, bucket: Bucket, key: str = "key") -> bytes:
    content: bytes = client.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    return content


def keys(bucket: Bucket) -> list[str]:
    listed = bucket.server.client().list_objects_v2(Bucket=bucket.name)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def error_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5;chunk-signature=0\r\nhello\r\n0\r\nx-amz-checksum-crc32: AAA=\r\n\r\n",
    ],
)
def test_requests_and_answers_pass_byte_for_byte(body: bytes) -> None:
    request = b"PUT /b/a%20b?x-id=PutObject HTTP/1.1\r\nHost: signed.example:80\r\naUThorization: AWS4 x\r\n" + body
    reply = b'HTTP/1.1 200 Fine\r\nETag: "1"\r\nx-ODD: 1\r\nContent-Length: 2\r\n\r\nok'
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        # Whatever fails below ends the test, and is not waited for.
        listener.settimeout(30)

        def answer() -> bytes:
            connection, _ = listener.accept()
            with connection:
                received = _read(connection, len(request))
                connection.sendall(reply)
            return received

        received = pool.submit(answer)
        with (
            FaultProxy(S3Endpoint(listener.getsockname()[1])) as proxy,
            socket.create_connection(("127.0.0.1", proxy.port)) as client,
        ):
            client.sendall(request)
            assert _read(client, len(reply)) == reply
        assert received.result() == request


def _read(connection: socket.socket, count: int) -> bytes:
    connection.settimeout(10)
    received = b""
    while len(received) < count and (piece := connection.recv(count - len(received))):
        received += piece
    return received


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("500", 500, "InternalError"),
        ("503", 503, "SlowDown"),
        ("429", 429, "TooManyRequests"),
        ("expired", 400, "ExpiredToken"),
        ("denied", 403, "AccessDenied"),
        ("plain404", 404, ""),
    ],
)
def test_an_answer_in_the_servers_place_is_the_clients_error(
    bucket: Bucket, proxied: Proxied, kind: FaultKind, status: int, code: str
) -> None:
    proxy = proxied(bucket, Fault(kind, times=2))
    client = proxy.client()
    for call in (put, get):
        with pytest.raises(ClientError) as error:
            call(client, bucket)
        assert error_of(error) == (status, code)
    assert keys(bucket) == []
    # The connections are as good as before.
    put(client, bucket)
    assert get(client, bucket) == CONTENT
    assert [exchange.status for exchange in proxy.log] == [status, status, 200, 200]
    assert proxy.faults == {kind: 2}


def test_garbage_passes_for_an_object(bucket: Bucket, proxied: Proxied) -> None:
    put(bucket.server.client(), bucket)
    assert get(proxied(bucket, Fault("garbage")).client(), bucket).startswith(b"<html>")


def test_a_timeout_keeps_silent_until_the_client_gives_up(bucket: Bucket, proxied: Proxied) -> None:
    client = proxied(bucket, Fault("timeout")).client(read_timeout=0.5)
    with pytest.raises(ReadTimeoutError):
        put(client, bucket)
    assert keys(bucket) == []


@pytest.mark.parametrize(("kind", "applied"), [("reset", []), ("reset_after", ["key"])])
def test_a_reset_comes_before_or_after_the_server_acts(
    bucket: Bucket, proxied: Proxied, kind: FaultKind, applied: list[str]
) -> None:
    with pytest.raises(ConnectionClosedError):
        put(proxied(bucket, Fault(kind)).client(), bucket)
    assert keys(bucket) == applied


def test_a_reset_is_no_orderly_end(bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(bucket, Fault("reset"))
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"GET /b/key HTTP/1.1\r\nHost: h\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_truncated_body_is_half_a_body(bucket: Bucket, proxied: Proxied) -> None:
    put(bucket.server.client(), bucket)
    proxy = proxied(bucket, Fault("truncate"))
    client = proxy.client()
    with pytest.raises(ResponseStreamingError):
        get(client, bucket)
    assert proxy.log[0].received == len(CONTENT) // 2
    # An answer without a body can't be cut.
    client.head_object(Bucket=bucket.name, Key="key")
    assert proxy.faults == {"truncate": 1}


def test_a_corrupt_body_differs_in_one_byte(bucket: Bucket, proxied: Proxied) -> None:
    put(bucket.server.client(), bucket)
    proxy = proxied(bucket, Fault("corrupt"))
    unaware = proxy.client(response_checksum_validation="when_required")
    received = get(unaware, bucket)
    assert len(received) == len(CONTENT)
    assert sum(a != b for a, b in zip(received, CONTENT, strict=True)) == 1
    with pytest.raises(FlexibleChecksumError):
        get(proxy.client(), bucket)


def test_chance_is_the_seeds_and_follows_the_probability(bucket: Bucket) -> None:
    def unlucky(seed: int) -> list[int]:
        with FaultProxy(bucket.server, Fault("503", 0.3, lambda e: e.kind == "HEAD"), seed=seed) as proxy:
            client = proxy.client()
            client.list_objects_v2(Bucket=bucket.name)
            for _ in range(100):
                with pytest.raises(ClientError):
                    client.head_object(Bucket=bucket.name, Key="absent")
            assert proxy.log[0].fault is None
            return [index for index, exchange in enumerate(proxy.log) if exchange.fault]

    first = unlucky(1)
    assert 15 <= len(first) <= 45
    assert unlucky(1) == first
    assert unlucky(2) != first


def test_stripped_conditions_let_every_writer_win(bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(bucket)
    client = proxy.client()
    put(client, bucket, IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        put(client, bucket, IfNoneMatch="*")
    assert error_of(error) == (412, "PreconditionFailed")
    proxy.strip_conditions(1.0)
    put(client, bucket, content=b"second", IfNoneMatch="*")
    assert get(client, bucket) == b"second"
    assert [exchange.stripped for exchange in proxy.log] == [False, False, True, False]
    proxy.strip_conditions(0.5)
    refused = 0
    for _ in range(40):
        try:
            put(client, bucket, IfNoneMatch="*")
        except ClientError:
            refused += 1
    assert 8 <= refused <= 32


def test_a_pause_holds_everything_and_drops_what_was_given_up(bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(bucket)
    proxy.pause()
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(put, proxy.client(), bucket, "patient")
        with pytest.raises(ReadTimeoutError):
            put(proxy.client(read_timeout=0.3), bucket, "impatient")
        assert not patient.done()
        proxy.resume()
        patient.result(timeout=10)
    assert keys(bucket) == ["patient"]


def test_an_outage_refuses_connections_until_it_ends(bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(bucket)
    client = proxy.client()
    put(client, bucket)
    proxy.down()
    with pytest.raises(EndpointConnectionError):
        get(client, bucket)
    proxy.up()
    assert get(client, bucket) == CONTENT


def test_a_dead_server_resets_the_clients_connection(tmp_path: Path) -> None:
    with MotoServer(tmp_path) as server, FaultProxy(server) as proxy:
        proxy.make_bucket("kept")
        server.kill()
        with pytest.raises(ConnectionClosedError):
            proxy.make_bucket("lost")
        server.restart()
        proxy.make_bucket("again")


UPLOAD = """
import sys, boto3
from botocore.config import Config
config = Config(retries={"total_max_attempts": 1})
boto3.client("s3", config=config).put_object(Bucket=sys.argv[1], Key="big", Body=b"x" * (32 << 20))
"""


def test_a_test_can_kill_the_client_in_the_middle_of_its_upload(bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(bucket)
    process: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill(exchange: Exchange) -> bool:
        assert started.wait(10)
        process[0].kill()
        return True

    proxy.at_half(kill, nth=2, where=lambda exchange: exchange.kind == "PUT")
    put(proxy.client(), bucket, "first")
    process.append(subprocess.Popen([sys.executable, "-c", UPLOAD, bucket.name]))
    started.set()
    assert process[0].wait(timeout=30) == -signal.SIGKILL
    assert proxy.log[-1].sent == 16 << 20
    assert keys(bucket) == ["first"]


def test_a_test_can_act_in_the_middle_of_a_download(bucket: Bucket, proxied: Proxied) -> None:
    put(bucket.server.client(), bucket)
    proxy = proxied(bucket)
    proxy.at_half(lambda exchange: exchange.received == len(CONTENT) // 2)
    with pytest.raises(ResponseStreamingError):
        get(proxy.client(), bucket)
    assert get(proxy.client(), bucket) == CONTENT


def test_a_multipart_upload_is_whole_and_counted(bucket: Bucket, proxied: Proxied, tmp_path: Path) -> None:
    proxy = proxied(bucket)
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(1 << 20) * 64)
    parts = TransferConfig(multipart_chunksize=8 << 20, max_concurrency=4)
    client = proxy.client()
    client.upload_file(str(source), bucket.name, "big", Config=parts)
    client.download_file(bucket.name, "big", str(back), Config=parts)
    assert sha256(back.read_bytes()).digest() == sha256(source.read_bytes()).digest()
    client.delete_object(Bucket=bucket.name, Key="big")
    counts = {"CREATE_UPLOAD": 1, "UPLOAD_PART": 8, "COMPLETE_UPLOAD": 1, "HEAD": 1, "GET": 8, "DELETE": 1}
    assert proxy.requests == counts
    assert sum(exchange.received for exchange in proxy.log if exchange.kind == "GET") == 64 << 20
    assert sum(exchange.sent for exchange in proxy.log if exchange.kind == "UPLOAD_PART") >= 64 << 20
    assert f"{'UPLOAD_PART':16}{8:>10}{0:>10}" in proxy.table()


def test_a_sender_waits_for_a_slow_receiver(bucket: Bucket, proxied: Proxied) -> None:
    # More than what the kernel holds for four sockets.
    size = 64 << 20
    with (
        socket.create_server(("127.0.0.1", 0)) as idle,
        FaultProxy(S3Endpoint(idle.getsockname()[1])) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as client,
    ):
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            client.sendall(f"PUT /b/key HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(size))
    put(bucket.server.client(), bucket, "big", bytes(size))
    proxy = proxied(bucket)
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        signed = proxy.client().generate_presigned_url("get_object", Params={"Bucket": bucket.name, "Key": "big"})
        client.sendall(f"GET {signed.removeprefix(proxy.endpoint)} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        time.sleep(1)
        assert 0 < proxy.log[0].received < size // 2


def test_the_program_serves_in_little_memory_and_prints_the_table(bucket: Bucket) -> None:
    command = [sys.executable, "-m", "servers.proxy", str(bucket.server.port), "--fault", "503=0", "--seed", "1"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout
    try:
        endpoint = process.stdout.readline().strip()
        client = S3Endpoint(int(endpoint.rpartition(":")[2])).client()
        put(client, bucket)
        before = _peak_memory(process.pid)
        content = b"x" * (64 << 20)
        put(client, bucket, "big", content)
        assert get(client, bucket, "big") == content
        # One object held whole would be 64 MB.
        assert _peak_memory(process.pid) - before < 8 << 20
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert f"{'PUT':16}{2:>10}" in printed


def _peak_memory(pid: int) -> int:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def test_a_refusal_before_the_body_reaches_a_client_that_does_not_wait(bucket: Bucket, proxied: Proxied) -> None:
    # As programs do that know no "Expect": everything is sent, then the answer read.
    proxy = proxied(bucket, Fault("503"))
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        length = 8 << 20
        client.sendall(f"PUT /{bucket.name}/key HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode())
        client.sendall(b"x" * length)
        assert _read(client, 12) == b"HTTP/1.1 503"
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"PUT /b/key HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        # The body, should it still come, must not be taken for another request.
        head, _, rest = _read(client, 1 << 20).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"connection: close" in head.lower()
        assert rest.endswith(b"</Error>")
