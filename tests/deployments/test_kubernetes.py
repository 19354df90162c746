"""The manifests and the pools' job templates: valid Kubernetes, no secret in them, a GPU where one is needed."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import PrefectHTTPStatusError
from prefect.testing.utilities import prefect_test_harness
from prefect.utilities.templating import apply_values

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments" / "kubernetes"
KUBERNETES = "1.33"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS: dict[str, dict[str, Any]] = {
    f"{manifest['kind']}/{manifest['metadata']['name']}": manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((FOLDER / name).read_text())
}
PODS = {name: pod for name, pod in ((n, m.get("spec", {}).get("template")) for n, m in MANIFESTS.items()) if pod}
TEMPLATES: dict[str, dict[str, Any]] = {
    pool: json.loads((FOLDER / f"pools/{pool}.json").read_text()) for pool in ("cpu", "gpu")
}


def _job(pool: str, **values: object) -> dict[str, Any]:
    """Return the job that a worker would make for a run, as Prefect fills in a template."""
    template = TEMPLATES[pool]
    variables = template["variables"]["properties"]
    defaults = {
        name: variable["default"] for name, variable in variables.items() if variable.get("default") is not None
    }
    run = {
        "command": ["prefect", "flow-run", "execute"],
        "env": [{"name": "A", "value": "b"}],
        "labels": {},
        "annotations": {},
    }
    job: dict[str, Any] = apply_values(template["job_configuration"]["job_manifest"], defaults | run | values)
    return job


def _pod(pool: str) -> dict[str, Any]:
    pod: dict[str, Any] = _job(pool)["spec"]["template"]
    return pod


ALL_PODS = PODS | {pool: _pod(pool) for pool in TEMPLATES}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_valid(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], KUBERNETES, strict=True)


def test_a_misspelt_field_would_be_seen() -> None:
    wrong = json.loads(json.dumps(MANIFESTS["Deployment/saga-server"]))
    wrong["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("pool", TEMPLATES)
def test_templates_make_valid_jobs(pool: str) -> None:
    job = _job(pool)
    assert "{{" not in json.dumps(job)
    kubernetes_validate.validate(job, KUBERNETES, strict=True)


@pytest.mark.parametrize("pool", TEMPLATES)
def test_templates_use_what_they_declare(pool: str) -> None:
    template = TEMPLATES[pool]
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])
    Draft202012Validator.check_schema(template["variables"])


def test_a_gpu_is_asked_for_where_it_is_needed() -> None:
    pod = _job("gpu", gpus=2, node_selector={"zone": "a"})["spec"]["template"]["spec"]
    resources = pod["containers"][0]["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == 2
    assert pod["nodeSelector"] == {"zone": "a"}
    assert [toleration["key"] for toleration in pod["tolerations"]] == ["nvidia.com/gpu"]
    assert "nvidia.com" not in json.dumps(_job("cpu"))


def test_a_runs_job_is_made_once_and_cleared_away() -> None:
    for pool in TEMPLATES:
        spec = _job(pool, finished_job_ttl=60)["spec"]
        assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 60)
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 60


@pytest.mark.parametrize("name", ALL_PODS)
def test_pods_may_do_little(name: str) -> None:
    """What the namespace's level `restricted` asks for, and a file system that is not written to."""
    pod = ALL_PODS[name]["spec"]
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"] + pod.get("initContainers", []):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert not set(container) & {"hostPort", "privileged"}
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]


@pytest.mark.parametrize("name", ALL_PODS)
def test_secrets_are_references(name: str) -> None:
    pod = ALL_PODS[name]["spec"]
    for container in pod["containers"] + pod.get("initContainers", []):
        for variable in container.get("env", []):
            if re.search("PASSWORD|SECRET$|ACCESS_KEY|AUTH_STRING$|TOKEN", variable["name"]):
                assert "secretKeyRef" in variable["valueFrom"]
    assert not [name for name in MANIFESTS if name.startswith("Secret/")]
    literals = [literal for each in KUSTOMIZATION["configMapGenerator"] for literal in each.get("literals", [])]
    assert not [literal for literal in literals if re.search("PASSWORD|SECRET|ACCESS_KEY|AUTH|TOKEN", literal)]


def test_workers_hand_the_credentials_on_by_reference() -> None:
    for pool in TEMPLATES:
        container = PODS[f"Deployment/saga-{pool}"]["spec"]["containers"][0]
        values = {variable["name"]: variable.get("value") for variable in container["env"]}
        prefix = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET"
        assert (values[f"{prefix}_NAME"], values[f"{prefix}_KEY"]) == ("saga-secrets", "PREFECT_API_AUTH_STRING")
        assert f"saga-{pool}" in container["args"]


def test_the_server_asks_for_credentials() -> None:
    container = PODS["Deployment/saga-server"]["spec"]["containers"][0]
    values = {variable["name"]: variable for variable in container["env"]}
    assert values["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"]["value"] == "true"
    reference = values["PREFECT_SERVER_API_AUTH_STRING"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "saga-secrets", "key": "PREFECT_API_AUTH_STRING"}
    assert MANIFESTS["Service/saga-server"]["spec"].get("type", "ClusterIP") == "ClusterIP"
    assert MANIFESTS["NetworkPolicy/saga-closed"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_what_is_named_is_there() -> None:
    named = json.dumps(MANIFESTS) + json.dumps(TEMPLATES)
    generated = {each["name"] for each in KUSTOMIZATION["configMapGenerator"]}
    assert set(re.findall(r'"configMap(?:Ref|KeyRef)?": \{"name": "([\w-]+)"', named)) == generated
    accounts = {name.partition("/")[2] for name in MANIFESTS if name.startswith("ServiceAccount/")}
    assert set(re.findall(r'"serviceAccountName": "([\w-]+)"', named)) == accounts
    images = {each["name"] for each in KUSTOMIZATION["images"]}
    assert set(re.findall(r'"image": "([\w-]+)"', json.dumps(MANIFESTS))) == images
    assert not [
        file
        for each in KUSTOMIZATION["configMapGenerator"]
        for file in each.get("files", [])
        if not (FOLDER / file).exists()
    ]


@pytest.mark.slow
def test_a_server_accepts_the_pools() -> None:
    wrong = json.loads(json.dumps(TEMPLATES["gpu"]))
    del wrong["variables"]["properties"]["gpus"]
    with prefect_test_harness(server_startup_timeout=120), get_client(sync_client=True) as client:
        for pool, template in TEMPLATES.items():
            client.create_work_pool(WorkPoolCreate(name=f"saga-{pool}", type="kubernetes", base_job_template=template))
            assert client.read_work_pool(f"saga-{pool}").base_job_template == template
        with pytest.raises(PrefectHTTPStatusError, match="422"):
            client.create_work_pool(WorkPoolCreate(name="wrong", type="kubernetes", base_job_template=wrong))
