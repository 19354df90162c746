"""The images: linted, pinned, not root, watched, and installed from the constraints that everything else uses."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
WORKERS = [file for file in DOCKERFILES if file.name.startswith("worker-")]


def _name(file: Path) -> str:
    return file.name


def _stages(file: Path) -> list[list[str]]:
    """Return the instructions of each stage that is not only copied from, lines joined."""
    text = re.sub(r"\\\n", " ", "\n".join(x for x in file.read_text().splitlines() if not x.startswith("#")))
    stages = ["FROM " + stage for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]]
    return [lines for stage in stages if len(lines := [x for x in stage.splitlines() if x.strip()]) > 1]


def _constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.lower().split("==", 1) for line in lines if "==" in line)


def test_there_are_three() -> None:
    assert [file.stem for file in DOCKERFILES] == ["server", "worker-cpu", "worker-cuda"]


@pytest.mark.parametrize("file", DOCKERFILES, ids=_name)
def test_hadolint_finds_nothing(file: Path) -> None:
    command = [Path(sys.executable).with_name("hadolint"), "--no-color", "--failure-threshold", "style", file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", DOCKERFILES, ids=_name)
def test_bases_have_an_exact_version(file: Path) -> None:
    stages = {match[1] for match in re.finditer(r"^FROM .* AS (\S+)$", file.read_text(), re.MULTILINE)}
    bases = set(re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)) - stages
    assert bases
    assert not [base for base in bases if not re.search(r":\d+\.\d+\.\d+-", base)]


@pytest.mark.parametrize("file", DOCKERFILES, ids=_name)
def test_what_runs_is_watched_and_not_root(file: Path) -> None:
    text = file.read_text()
    final = [stage for stage in _stages(file) if any(line.startswith("CMD") for line in stage)]
    assert final
    for stage in final:
        assert [line for line in stage if line.startswith("USER")][-1] == "USER 10001:10001"
        assert [line for line in stage if line.startswith("HEALTHCHECK")]
        assert [line for line in stage if line.startswith("CMD [")], "a shell would keep signals from it"
    assert 'ENTRYPOINT ["/usr/bin/tini", "--"]' in text
    assert "useradd --uid 10001" in text


@pytest.mark.parametrize("file", DOCKERFILES, ids=_name)
def test_pins_are_the_constraints(file: Path) -> None:
    text = file.read_text()
    pins = re.findall(r"\s([A-Za-z][\w-]*)==(\d[\w.]*)", re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
    pins += [("torch", version) for version in re.findall(r"TORCH_VERSION=([\d.]+)$", text, re.MULTILINE)]
    assert pins
    assert {name: version for name, version in pins if _constraints().get(name.lower()) != version} == {}
    for install in re.findall(r"pip install [^&\n]*", text):
        assert re.search(r"-c \S*constraints.txt|--no-deps|torch==", install), install


@pytest.mark.parametrize("file", WORKERS, ids=_name)
def test_what_changes_often_comes_last(file: Path) -> None:
    text = file.read_text()
    order = ['"torch==$TORCH_VERSION"', "COPY constraints.txt", "-r requirements.txt", "COPY saga_core", "-e ."]
    assert sorted(order, key=text.index) == order


def test_both_workers_are_built_alike() -> None:
    """From torch on they differ in their environment and command alone."""
    bodies = [file.read_text().partition("ARG TORCH_VERSION")[2].partition("\nENV ")[0] for file in WORKERS]
    assert bodies[0] == bodies[1] != ""


def test_the_build_context_holds_what_is_copied_and_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for file in DOCKERFILES
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", file.read_text(), re.MULTILINE)
        for source in line.split()
    }
    assert copied == allowed
    assert not [name for name in allowed if not (ROOT / name).exists()]


@pytest.mark.parametrize("file", WORKERS, ids=_name)
def test_what_compose_runs_can_be_imported(file: Path) -> None:
    """`deployments` lies beside the packages and is none of them."""
    assert "WORKDIR /opt/saga\n" in file.read_text()
    assert "PYTHONPATH=/opt/saga " in file.read_text()
