from __future__ import annotations

import os
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import s3fs
from servers.fixtures import Bucket

from saga_core.artifacts.cache import unused_copies
from saga_core.corpus.treebank_files import fetch_treebank, is_remote
from saga_core.errors import UserError

TREE = "1\tHei\thei\tINTJ\t_\t_\t0\troot\t_\t_\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "dev", "test"):
        (tmp_path / f"fo_x-ud-{part}.conllu").write_text(TREE, encoding="utf-8")
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    return tmp_path


def test_a_folder_has_its_parts_and_a_file_is_the_training_part(folder: Path) -> None:
    assert {part: path.name for part, path in fetch_treebank(str(folder), "--treebank").items()} == {
        part: f"fo_x-ud-{part}.conllu" for part in ("train", "dev", "test")
    }
    file = folder / "fo_x-ud-dev.conllu"
    assert fetch_treebank(str(file), "--treebank") == {"train": file}


def test_what_is_no_treebank_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        fetch_treebank(str(folder / "none.conllu"), "--treebank")
    with pytest.raises(UserError, match="cannot be read"):
        fetch_treebank("nosuch://x/y.conllu", "--treebank")
    (folder / "fo_y-ud-train.conllu").write_text(TREE, encoding="utf-8")
    with pytest.raises(UserError, match="2 files are its train part"):
        fetch_treebank(str(folder), "--treebank")
    with pytest.raises(UserError, match=r"one \.conllu file"):
        fetch_treebank("https://example.org/ud/", "--treebank")
    with pytest.raises(UserError, match="chain of places"):
        fetch_treebank(f"filecache::file://{folder}", "--treebank")
    for path in folder.glob("*train.conllu"):
        path.unlink()
    with pytest.raises(UserError, match="no training part"):
        fetch_treebank(str(folder), "--treebank")


def test_a_name_with_a_scheme_is_remote() -> None:
    assert all(map(is_remote, ("s3://bucket/a.conllu", "hf://datasets/a/b", "https://x.org/a.conllu", "file:///etc")))
    assert not any(map(is_remote, ("a.conllu", "/x/a.conllu", "c:/a.conllu", "demo:text/a.conllu")))


def test_a_bucket_is_read_and_read_again_where_it_has_changed(
    folder: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    for part in ("train", "dev"):
        files.put(str(folder / f"fo_x-ud-{part}.conllu"), f"{bucket.name}/ud/fo_x-ud-{part}.conllu")
    first = fetch_treebank(f"{bucket.url}/ud", "--treebank")
    assert {part: path.read_text(encoding="utf-8") for part, path in first.items()} == {"train": TREE, "dev": TREE}
    files.pipe(f"{bucket.name}/ud/fo_x-ud-dev.conllu", TREE.replace("Hei", "Hallo").encode())
    again = fetch_treebank(f"{bucket.url}/ud/fo_x-ud-dev.conllu", "--treebank")
    assert again["train"].read_text(encoding="utf-8").startswith("1\tHallo")
    # What is asked for again is in use; of what is not, the copies go.
    long_ago = time.time() - 40 * 86_400
    for copy in (first["train"], first["dev"]):
        os.utime(copy.parent, (long_ago, long_ago))
    fetch_treebank(f"{bucket.url}/ud", "--treebank")
    assert [copy.folder for copy in unused_copies(0)] == [first["dev"].parent]


def test_a_file_on_the_web_is_read_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/fo_x-ud-dev.conllu"
        assert fetch_treebank(uri, "--treebank")["train"].read_text(encoding="utf-8") == TREE
        (folder / "fo_x-ud-dev.conllu").write_text(TREE.replace("Hei", "Hallo"), encoding="utf-8")
        assert "Hallo" in fetch_treebank(uri, "--treebank")["train"].read_text(encoding="utf-8")
        server.shutdown()
