"""docker-compose.yml: a valid file, of services that our commands and settings really have, with one public door."""

import re
from typing import Any

import pytest
import yaml

from config.settings import judged
from console.cli import COMMANDS
from tests.deploy.variables import settings_by
from tests.e2e.installation import ROOT

RELAYS = ("receiver", "dispatcher", "console")
LOOPBACK = "127.0.0.1:"
SECONDS = {"s": 1, "m": 60}


def interpolated() -> str:
    """With the default of every variable."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())


COMPOSE: dict[str, Any] = yaml.safe_load(interpolated())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


def test_it_is_what_the_compose_specification_says() -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="it has no wheel for this machine")
    # The reader knows no merge keys: it gets what they amount to.
    without_templates = {name: value for name, value in COMPOSE.items() if not name.startswith("x-")}

    compose_spec.PyCompose.from_yaml(yaml.safe_dump(without_templates)).validate()


def test_each_part_of_an_installation_is_there() -> None:
    assert set(SERVICES) == {*RELAYS, "store", "prometheus", "grafana"}
    assert SERVICES["dispatcher"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", RELAYS)
def test_our_commands_and_settings_are_real(name: str) -> None:
    service = SERVICES[name]

    assert service["command"] == [name]
    assert name in COMMANDS
    assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "config.alive", name]
    assert settings_by(service["environment"])


def test_the_ports_that_are_published_are_those_of_the_settings() -> None:
    settings = judged({}, {}, where="the defaults")

    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "receiver": [f"{settings.receiver.port}:{settings.receiver.port}"],
        "console": [f"{LOOPBACK}{settings.console.port}:{settings.console.port}"],
        "grafana": [f"{LOOPBACK}3000:3000"],
    }


def test_nobody_but_the_receiver_is_on_the_public_network() -> None:
    members = {
        network: {name for name, service in SERVICES.items() if network in service["networks"]}
        for network in COMPOSE["networks"]
    }

    assert members["public"] == {"receiver"}
    assert members["outbound"] == {"dispatcher"}
    assert members["store"] == {*RELAYS, "store"}
    assert SERVICES["store"]["networks"] == ["store"]
    assert {name for name, network in COMPOSE["networks"].items() if network.get("internal")} == {"store", "metrics"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined_checked_and_started_again(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["image"].partition(":")[2] not in {"", "latest"}


def test_a_stop_leaves_time_for_what_is_under_way() -> None:
    settings = judged({}, {}, where="the defaults")

    grace = {name: seconds(SERVICES[name]["stop_grace_period"]) for name in (*RELAYS, "store")}

    assert grace["dispatcher"] >= settings.dispatcher.timeout / 1000 + 5
    assert grace["receiver"] >= 10
    assert grace["console"] >= 15
    assert grace["store"] >= 30


def test_what_is_mounted_is_there() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    for source, *_ in mounts:
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source


def test_secrets_come_as_files_that_prepare_makes_and_git_does_not_take() -> None:
    script = (ROOT / "deploy/compose/prepare").read_text()
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./deploy/compose/secrets/{name}"}
        assert f"/{name}" in script
    assert "secrets/" in (ROOT / "deploy/compose/.gitignore").read_text().splitlines()
    assert not re.search(r"(?i)(password|secret|token)\S*: *[^/\s\[{.]", "\n".join(map(str, environments())))


def environments() -> list[str]:
    return [f"{key}: {value}" for service in SERVICES.values() for key, value in service.get("environment", {}).items()]


def test_prometheus_asks_the_services_that_there_are() -> None:
    written = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    settings = judged({}, {}, where="the defaults")
    ports = {
        "receiver": settings.receiver.internal_port,
        "dispatcher": settings.dispatcher.port,
        "console": settings.console.port,
    }
    jobs = {job["job_name"]: job for job in yaml.safe_load(written)["scrape_configs"]}
    for name, port in ports.items():
        asked = [job for job in jobs.values() if name in str(job)]
        assert asked, f"nobody asks {name}"
        assert any(str(port) in str(job) for job in asked), f"{name} answers on {port}"
