"""The manifests are what Kubernetes takes, and say of our processes what is so."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config.settings import judged, load
from console.cli import COMMANDS
from receiver.codecs import CODECS
from tests.deploy.public import is_public, public_paths
from tests.deploy.variables import settings_by
from tests.e2e.installation import ROOT

FOLDER = ROOT / "deploy/kubernetes"
KINDS = ("receiver", "dispatcher", "console")
NOT_OF_THE_API = "Kustomization"
OLDEST, NEWEST = "1.30", "1.37"
SETTINGS = judged({}, {}, where="the defaults")
PORTS = {
    "receiver": {"public": SETTINGS.receiver.port, "internal": SETTINGS.receiver.internal_port},
    "dispatcher": {"internal": SETTINGS.dispatcher.port},
    "console": {"internal": SETTINGS.console.port},
}
KUBECTL = shutil.which("kubectl")


def written() -> Iterator[dict[str, Any]]:
    for file in sorted(FOLDER.rglob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in written() if one["kind"] == kind}


def pod(kind: str) -> dict[str, Any]:
    template: dict[str, Any] = of("Deployment")[f"consent-relay-{kind}"]["spec"]["template"]["spec"]
    return template


def container(kind: str) -> dict[str, Any]:
    (only,) = pod(kind)["containers"]
    return dict(only)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize(
    "manifest",
    [one for one in written() if one["kind"] != NOT_OF_THE_API],
    ids=lambda one: f"{one['kind']} {one['metadata']['name']}",
)
def test_a_manifest_has_the_schema_of_its_kind(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on this machine")
def test_the_example_is_put_together_from_what_is_there(folder: Path) -> None:
    copy = folder / "kubernetes"
    shutil.copytree(FOLDER, copy)
    shutil.copy(copy / "example/consent-relay.example.toml", copy / "example/consent-relay.toml")

    built = subprocess.run(
        [KUBECTL or "", "kustomize", copy / "example"], check=True, timeout=60, capture_output=True, text=True
    ).stdout

    manifests = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(built)}
    (secret,) = [name for kind, name in manifests if kind == "Secret"]
    for kind in KINDS:
        template = manifests["Deployment", f"consent-relay-{kind}"]["spec"]["template"]
        assert template["metadata"]["labels"]["app.kubernetes.io/part-of"] == "consent-relay"
        assert template["spec"]["volumes"][0]["secret"]["secretName"] == secret
        assert template["spec"]["containers"][0]["image"].startswith("registry.example.com/")


def test_every_file_of_the_base_is_used() -> None:
    listed = yaml.safe_load((FOLDER / "base/kustomization.yaml").read_text())["resources"]

    assert sorted(listed) == sorted(
        file.name for file in FOLDER.glob("base/*.yaml") if file.name != "kustomization.yaml"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_commands_ports_and_variables_are_ours(kind: str) -> None:
    one = container(kind)
    data = of("ConfigMap")["consent-relay"]["data"]

    assert one["args"] == [kind]
    assert kind in COMMANDS
    assert {port["name"]: port["containerPort"] for port in one["ports"]} == PORTS[kind]
    assert settings_by(data)
    (config,) = [mount["mountPath"] for mount in one["volumeMounts"] if mount["name"] == "config"]
    assert data["CONSENT_RELAY_CONFIG"] == f"{config}/consent-relay.toml"


@pytest.mark.parametrize("kind", KINDS)
def test_a_hung_process_is_restarted_and_one_without_its_store_only_left_alone(kind: str) -> None:
    one = container(kind)

    assert one["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "internal"}
    assert one["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "internal"}
    assert one["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "internal"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_leaves_time_for_what_is_under_way(kind: str) -> None:
    attempt = SETTINGS.dispatcher.timeout / 1000 + 5
    drain = {"receiver": 5 + 10, "dispatcher": attempt, "console": 5 + 10}

    assert pod(kind)["terminationGracePeriodSeconds"] > drain[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pod_may_do_nothing_but_its_work(kind: str) -> None:
    whole, one = pod(kind)["securityContext"], container(kind)["securityContext"]

    assert whole["runAsNonRoot"] is True
    assert f"USER {whole['runAsUser']}:{whole['runAsGroup']}" in (ROOT / "Dockerfile").read_text()
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(kind)["automountServiceAccountToken"] is False
    assert {"requests", "limits"} <= set(container(kind)["resources"])


@pytest.mark.parametrize("kind", ["receiver", "dispatcher"])
def test_two_run_apart_and_one_stays(kind: str) -> None:
    name = f"consent-relay-{kind}"

    assert of("Deployment")[name]["spec"]["replicas"] == 2
    assert of("PodDisruptionBudget")[name]["spec"]["minAvailable"] == 1
    assert name in str(pod(kind)["affinity"]["podAntiAffinity"])


def test_what_selects_pods_selects_pods_that_there_are() -> None:
    labels = [
        {**one["spec"]["template"]["metadata"]["labels"], "app.kubernetes.io/part-of": "consent-relay"}
        for one in of("Deployment").values()
    ]
    selectors = [
        *(one["spec"]["selector"] for one in of("Service").values()),
        *(one["spec"]["selector"]["matchLabels"] for one in of("PodDisruptionBudget").values()),
        *(one["spec"]["podSelector"]["matchLabels"] for one in of("NetworkPolicy").values()),
    ]
    for selector in selectors:
        assert any(selector.items() <= known.items() for known in labels), selector


def test_the_ingress_has_every_public_route_and_no_other() -> None:
    (rule,) = of("Ingress")["consent-relay"]["spec"]["rules"]
    entries = [(entry["path"].rstrip("/"), entry["pathType"]) for entry in rule["http"]["paths"]]

    def is_led_in(path: str) -> bool:
        return any(path == entry or (kind == "Prefix" and path.startswith(f"{entry}/")) for entry, kind in entries)

    for path in public_paths():
        assert is_led_in(path) == is_public(path), path
    assert {entry["backend"]["service"]["name"] for entry in rule["http"]["paths"]} == {"consent-relay-receiver"}


def test_the_secret_file_of_the_example_is_a_configuration() -> None:
    settings = load(FOLDER / "example/consent-relay.example.toml", providers=CODECS)

    assert not settings.store.is_embedded
    assert "consent-relay.toml" in (FOLDER / ".gitignore").read_text().splitlines()
