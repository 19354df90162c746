"""``saga report`` as a user runs it: one file, and one line where something is wrong."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from e2e_command import ROOT
from report_samples import RUN, make_run
from typer.testing import CliRunner

from flows.cli import app
from saga_core.artifacts.store import Store
from tasks.report import find_run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Store(str(tmp_path / "store"))


def saga(store: Store, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments, "--store", store.uri])


def test_the_page_is_written_here_and_again(store: Store) -> None:
    make_run(store)
    done = saga(store)
    assert (done.exit_code, done.stderr) == (0, "")
    (file,) = Path().iterdir()
    assert file.name == f"saga-report-{RUN}.html"
    assert done.stdout.startswith(f"report: {file.name}, ")
    first = file.read_bytes()
    file.write_bytes(b"an older one")
    assert saga(store, RUN).exit_code == 0
    assert file.read_bytes() == first
    assert saga(store, "demo", "--out", "other.html").exit_code == 0
    assert Path("other.html").read_bytes() == first


def test_a_name_from_the_store_leads_nowhere_else(store: Store) -> None:
    make_run(store, until="gate")
    report = find_run(store, RUN)
    assert report is not None
    store.runs.write(RUN, "9999", report | {"run": "../../demo"})
    assert saga(store).exit_code == 0
    assert [file.name for file in Path().iterdir()] == ["saga-report-.._.._demo.html"]


def test_a_mistake_is_one_line(store: Store) -> None:
    make_run(store, until="gate")
    for arguments, what in (
        (["nobody"], "no run nobody"),
        ([""], "no run of an empty name"),
        (["--out", "no/such/folder/page.html"], "cannot be written: No such file or directory"),
        (["--out", "."], "cannot be written: Is a directory"),
    ):
        done = saga(store, *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert what in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not list(Path().iterdir())


def test_a_disk_that_is_full_leaves_the_page_that_was_there(store: Store) -> None:
    make_run(store, until="gate")
    Path("page.html").write_text("an older one")
    command = f"ulimit -f 1; exec {shlex.join([sys.executable, '-m', 'flows.command', 'report', '--out', 'page.html'])}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SAGA_STORE": store.uri, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "page.html: cannot be written: File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert Path("page.html").read_text() == "an older one"
    assert [file.name for file in Path().iterdir()] == ["page.html"]


def test_a_page_is_written_through_a_link_and_to_what_is_no_file(store: Store) -> None:
    make_run(store, until="gate")
    Path("page.html").write_text("an older one")
    Path("link.html").symlink_to("page.html")
    assert saga(store, "--out", "link.html").exit_code == 0
    assert Path("link.html").is_symlink()
    assert Path("page.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert saga(store, "--out", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_a_damaged_artifact_is_one_line_and_leaves_no_page(store: Store) -> None:
    record = make_run(store)["evaluate"]
    (Path(store.reference(record).uri) / "items.parquet").write_bytes(b"PAR1")
    done = saga(store)
    assert done.exit_code == 1
    assert "items.parquet" in done.stderr
    assert done.stderr.endswith("; run its recipe again: what is damaged is put aside and made anew\n")
    assert len(done.stderr.splitlines()) == 1
    assert not list(Path().iterdir())
