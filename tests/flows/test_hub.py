"""Publishing to the Hub, to a stand-in of it that is a real server."""

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from artifact_graphs import put, write_run
from e2e_command import ROOT, Done, command
from huggingface_hub import HfApi, ModelCard, constants
from peft import LoraConfig, PeftModel, get_peft_model
from servers.hub import READ_ONLY, TOKEN, Answer, HubServer
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

import saga_core.hub
from flows.cli import app
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.demo import DEMO_MODELS
from tasks.report import find_run
from tasks.run_report import report_html

BASE = "org/base"
TO = "org/nb-saga"
WHY = "corpus.sources.0.path /home/somebody/old.jsonl → /home/somebody/new.jsonl"
LOCAL = "/home/somebody/saga-store/publish/0123456789abcdef"
CARD = f"""---
language: nb
library_name: peft
model-index:
- name: demo-saga
  results:
  - task:
      type: text-generation
      name: Text generation
    dataset:
      name: Held-out part of articles
      type: held-out
    metrics:
    - type: parse_success
      value: 0.795
      name: Stanza PS
---

# nb-tiny — Norwegian Bokmål Grammar-Aligned

| Metric | Base |
|:---|---:|
| Stanza PS ↑ | 60.5% |

```python
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import PeftModel

base = AutoModelForCausalLM.from_pretrained("{BASE}", torch_dtype="auto")
model = PeftModel.from_pretrained(base, "{LOCAL}")
tokenizer = AutoTokenizer.from_pretrained("{BASE}")
print(type(model).__name__)
```
"""

Saga = Callable[..., Done]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """The stand-in, to which the client of this process is led, as the environment leads that of another."""
    with HubServer() as server:
        template = server.endpoint + constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def saga(hub: HubServer, store: Store) -> Saga:
    def run(*arguments: str) -> Done:
        done = CliRunner().invoke(app, ["publish", *arguments, "--store", store.uri])
        assert TOKEN not in done.output
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def saga_as_a_process(hub: HubServer, store: Store, tmp_path: Path) -> Saga:
    def run(*arguments: str, **variables: str) -> Done:
        done = subprocess.run(
            [*command("publish", *arguments), "--store", store.uri],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **hub.environment(), **variables},
        )
        assert TOKEN not in done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an adapter of nb-tiny that says something else than its base, and names a base of the Hub."""
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(DEMO_MODELS / "nb-tiny"),
        LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    model.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": BASE}
    weights = (folder / "adapter_model.safetensors").read_bytes()
    return {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": weights}


@pytest.fixture
def published(store: Store, adapter: dict[str, bytes]) -> Record:
    return publish(store, adapter)


def publish(store: Store, adapter: dict[str, bytes], *, on_hub: bool = True) -> Record:
    base = {"hub": BASE, "revision": "0" * 40} if on_hub else {"sha256": "0" * 64}
    record = put(
        store,
        "publish",
        settings={"model": {"id": BASE if on_hub else "demo:models/nb-tiny"}},
        outside={"model": base},
        files={**adapter, "README.md": CARD.encode(), "results.png": b"\x89PNG\r\n\x1a\n"},
    )
    uri = store.reference(record).uri
    row = {"stage": "publish", "key": record.key, "digest": record.digest, "uri": uri, "state": "computed"}
    row |= {"seconds": 1.0, "why": WHY, "kept": None}
    write_run(store, "demo-0123456789", [record], stages=[row], card=f"{uri}/README.md")
    return record


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def refused(done: Done, code: int) -> str:
    assert done.code == code, done.err
    assert done.err.count("\n") == 1, done.err
    return done.err


def test_an_adapter_is_pushed_in_one_commit_and_loads_from_there(
    saga_as_a_process: Saga, hub: HubServer, published: Record, tmp_path: Path
) -> None:
    done = saga_as_a_process("demo", "--to", TO, "--json")
    assert done.code == 0, done.err
    pushed = hub.repositories[TO]
    assert not pushed.private
    assert pushed.messages == ["Publish demo-0123456789"]
    assert pushed.files.keys() == {file.path for file in published.files} | {"report.html"}
    recorded = {file.path: file.sha256 for file in published.files if file.path != "README.md"}
    made_now = ("README.md", "report.html")
    assert {path: sha256(data) for path, data in pushed.files.items() if path not in made_now} == recorded
    assert "adapter_model.safetensors" in pushed.large
    assert done.report["commit"] == pushed.head
    assert done.report["changed"] is True
    assert f"\n{hub.endpoint}/{TO}, commit {pushed.head}\n" in done.out

    api = HfApi(hub.endpoint, token=TOKEN)
    folder = tmp_path / "again"
    for path in pushed.files:
        file = api.hf_hub_download(TO, path, local_dir=folder)
        assert sha256(Path(file).read_bytes()) == recorded.get(path, sha256(pushed.files[path]))
    base = AutoModelForCausalLM.from_pretrained(DEMO_MODELS / "nb-tiny")
    tokens = torch.tensor([[5, 6, 7]])
    before = base(tokens).logits
    assert not torch.equal(PeftModel.from_pretrained(base, str(folder))(tokens).logits, before)


@pytest.mark.slow
def test_the_cards_snippet_runs_anywhere_that_reaches_the_hub(
    saga: Saga, hub: HubServer, published: Record, tmp_path: Path
) -> None:
    api = HfApi(hub.endpoint, token=TOKEN)
    api.create_repo(BASE)
    api.upload_folder(repo_id=BASE, folder_path=DEMO_MODELS / "nb-tiny")
    assert saga("demo", "--to", TO).code == 0
    snippet = re.search(r"```python\n(.*?)```", hub.repositories[TO].files["README.md"].decode(), re.DOTALL)
    assert snippet
    done = subprocess.run(
        [sys.executable, "-c", snippet[1]],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": "", "HOME": str(tmp_path / "elsewhere"), **hub.environment()},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "PeftModelForCausalLM\n"


def test_the_pushed_card_names_the_repository_and_no_folder_of_this_machine(
    saga: Saga, hub: HubServer, store: Store, published: Record
) -> None:
    assert saga("demo", "--to", TO).code == 0
    files = hub.repositories[TO].files
    card = files["README.md"].decode()
    assert f'PeftModel.from_pretrained(base, "{TO}")' in card
    parsed, before = ModelCard(card), ModelCard(CARD)
    assert parsed.data.model_name == TO
    assert parsed.text == before.text.replace(LOCAL, TO)
    assert parsed.data.to_dict() == before.data.to_dict() | {
        "model-index": [before.data.to_dict()["model-index"][0] | {"name": TO}]
    }
    here = (LOCAL, "/home/somebody", store.uri, socket.gethostname())
    assert not [path for path, data in files.items() if any(told.encode() in data for told in here)]
    assert (Path(store.reference(published).uri) / "README.md").read_text() == CARD
    # The page that stays here says why.
    assert WHY in report_html(store, find_run(store, "demo") or {}).decode()


def test_the_same_again_changes_nothing(saga: Saga, hub: HubServer, published: Record) -> None:
    first, again = (saga("demo", "--to", TO, "--json") for _ in range(2))
    assert again.code == 0, again.err
    assert "demo-0123456789: nothing changed: it is there already\n" in again.out
    assert again.err == ""
    assert (again.report["commit"], again.report["changed"]) == (first.report["commit"], False)
    assert len(hub.repositories[TO].messages) == 1


def test_the_card_of_a_promotion_is_the_one_that_is_pushed(
    saga: Saga, hub: HubServer, store: Store, published: Record
) -> None:
    told = CARD + "\n## Promotion\n\nCompared with champion 1: **promoted**.\n"
    promotion = put(store, "promotion", published, files={"README.md": told.encode(), "decision.json": b"{}"})
    write_run(store, "demo-0123456789", [published, promotion], card="README.md")
    assert saga("demo", "--to", TO).code == 0
    files = hub.repositories[TO].files
    assert files["README.md"].decode().endswith("Compared with champion 1: **promoted**.\n")
    assert files.keys() == {file.path for file in published.files} | {"report.html"}


def test_files_that_are_there_beside_it_stay(saga: Saga, hub: HubServer, published: Record) -> None:
    api = HfApi(hub.endpoint, token=TOKEN)
    api.create_repo(TO)
    api.upload_file(path_or_fileobj=b"*.png filter=lfs\n", path_in_repo="notes.txt", repo_id=TO)
    assert saga("demo", "--to", TO).code == 0
    assert hub.repositories[TO].files["notes.txt"] == b"*.png filter=lfs\n"


def test_a_private_repository_is_made_and_a_public_one_refused(saga: Saga, hub: HubServer, published: Record) -> None:
    assert saga("demo", "--to", TO, "--private").code == 0
    assert hub.repositories[TO].private
    HfApi(hub.endpoint, token=TOKEN).create_repo("org/open")
    line = refused(saga("demo", "--to", "org/open", "--private"), 2)
    assert line.startswith("saga: org/open: the repository is there already, and is public; ")
    assert hub.repositories["org/open"].files == {}


@pytest.mark.parametrize(
    ("to", "token", "told"),
    [
        ("nb-saga", TOKEN, "--to nb-saga: a repository's name without its owner; give org/name"),
        ("org/nb saga", TOKEN, r"--to org/nb saga: .*; give org/name"),
        (TO, "", "HF_TOKEN: no token for the Hub; set it to one that may write, or run: hf auth login"),
        (TO, "hf_of_nobody", r"HF_TOKEN at http\S+: the Hub does not know the token; set it to .*"),
        (TO, READ_ONLY, f"{TO}: the token may not write here; use a token with the right to write .*"),
        ("other/nb-saga", TOKEN, "other/nb-saga: the token may not write here; .*"),
    ],
)
def test_a_mistake_is_one_line(
    saga: Saga,
    hub: HubServer,
    published: Record,
    monkeypatch: pytest.MonkeyPatch,
    to: str,
    token: str,
    told: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    line = refused(saga("demo", "--to", to), 2)
    assert re.fullmatch(f"saga: {told}\n", line), line
    assert "hf_" not in line
    assert hub.repositories == {}


def test_a_client_that_may_not_ask_the_hub_is_one_line(
    saga: Saga, published: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    line = refused(saga("demo", "--to", TO), 2)
    assert re.fullmatch(r"saga: http\S+: the Hub may not be asked: HF_HUB_OFFLINE is set; unset it\n", line)


def test_a_hub_that_does_not_answer_is_one_line(saga: Saga, published: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    line = refused(saga("demo", "--to", TO), 1)
    assert line.startswith("saga: http://127.0.0.1:9: the push failed: ConnectError: ")


def test_a_hub_that_takes_a_request_and_never_answers_is_one_line(
    saga: Saga, hub: HubServer, published: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(saga_core.hub, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(hub, "answer", lambda asked: Answer.refusal(500 if over.wait(60) else 504))
    line = refused(saga("demo", "--to", TO), 1)
    over.set()
    assert re.match(f"saga: {hub.endpoint}: the push failed: ReadTimeout: .*; check the network", line)


def test_a_token_with_a_strange_character_is_one_line(
    saga: Saga, hub: HubServer, published: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_\N{LATIN SMALL LETTER AE}")
    line = refused(saga("demo", "--to", TO), 2)
    assert line == "saga: HF_TOKEN: it has characters that no token has; set it to one that may write\n"
    assert hub.asked == []


def test_a_token_is_in_no_traceback(saga_as_a_process: Saga, hub: HubServer, published: Record) -> None:
    hub.failing["/commit/"] = 501
    done = saga_as_a_process("demo", "--to", TO, SAGA_DEBUG="1")
    assert "Traceback" in done.err


@pytest.mark.parametrize("part", ["/blobs/", "/commit/"])
def test_a_push_that_fails_leaves_no_half_commit(saga: Saga, hub: HubServer, published: Record, part: str) -> None:
    # Of a kind that is not tried again.
    hub.failing[part] = 501
    line = refused(saga("demo", "--to", TO), 1)
    assert "501" in line
    assert hub.repositories[TO].files == {}
    hub.failing.clear()
    assert saga("demo", "--to", TO).code == 0
    assert hub.repositories[TO].files.keys() == {file.path for file in published.files} | {"report.html"}


def test_a_repository_that_others_changed_meanwhile_is_left_to_them(
    saga: Saga, hub: HubServer, published: Record
) -> None:
    hub.failing["/commit/"] = 412
    line = refused(saga("demo", "--to", TO), 1)
    assert line == f"saga: {TO}: the repository was changed meanwhile; run the same command again\n"


def test_an_adapter_whose_base_only_this_machine_has_is_refused(
    saga: Saga, hub: HubServer, store: Store, adapter: dict[str, bytes]
) -> None:
    publish(store, adapter, on_hub=False)
    line = refused(saga("demo", "--to", TO), 2)
    assert line.startswith("saga: demo-0123456789: its base model demo:models/nb-tiny is not on the Hub, so nobody ")
    assert hub.asked == []


def test_a_damaged_adapter_is_not_pushed(saga: Saga, hub: HubServer, store: Store, published: Record) -> None:
    file = Path(store.reference(published).uri) / "adapter_model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    line = refused(saga("demo", "--to", TO), 1)
    assert line == (
        f"saga: {file}: the file differs from its record; run its recipe again: what is damaged is put aside and made "
        "anew\n"
    )
    assert hub.asked == []


def test_a_run_that_is_not_there_is_one_line(saga: Saga, store: Store, published: Record) -> None:
    line = refused(saga("dmeo", "--to", TO), 2)
    assert line == f"saga: {store.uri}: no run dmeo with a card; saga show names the newest run\n"


def test_a_variable_that_is_not_set_names_no_run(saga: Saga, hub: HubServer, store: Store, published: Record) -> None:
    line = refused(saga("", "--to", TO), 2)
    assert line == f"saga: {store.uri}: no run of an empty name with a card; saga show names the newest run\n"
    assert hub.asked == []
