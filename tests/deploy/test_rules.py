"""Alarms, dashboard and docs speak of metrics that our processes really tell, under labels and words that they have."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.watched import live_through_everything, watched
from tests.workers.crewed import crew

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "consent-relay.json"
OPERATING = ROOT / "docs" / "operating.md"
METRICS = ROOT / "docs" / "metrics.md"

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
FROM_PROMETHEUS = {"job", "instance", "le"}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, which comes with Prometheus")


@dataclass
class Told:
    """What processes tell: by the name that a query has for it, the labels and their values."""

    labels: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    families: set[str] = field(default_factory=set)

    def hear(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for suffix in SUFFIXES.get(family.type, ("",)):
                name = family.name + suffix
                self.families.add(family.name + ("_total" if suffix == "_total" else ""))
                for sample in family.samples:
                    for label, value in sample.labels.items():
                        self.labels[name][label].add(value)
                self.labels[name]  # also where there is no sample yet


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"])


def queries() -> Iterator[tuple[str, str]]:
    """Where it stands, and what it says."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def named(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of a query, and which labels it is chosen by; the value only where one is given in full."""
    for found in re.finditer(r"\b((?:consent_relay|process)_\w+|up)\b(?:{([^}]*)})?", query):
        matchers = re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', found[2] or "")
        yield found[1], {label: value if how == "=" else "" for label, how, value in matchers}


def grouped_by(query: str) -> set[str]:
    listed = re.findall(r"\bby \(([^)]*)\)", query)
    return {label.strip() for labels in listed for label in labels.split(",")}


@pytest.fixture
def _prompt_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")


@pytest.mark.usefixtures("_prompt_exports")
async def test_every_metric_in_alarms_dashboard_and_docs_is_told_by_a_real_process(folder: Path) -> None:
    told = Told()
    async with watched(folder) as at:
        await live_through_everything(at)
        for text in (await at.metrics()).values():
            told.hear(text)
        async with crew(at.here, "dispatcher", number=1) as dispatchers:
            told.hear((await dispatchers.get("/metrics"))[1])
    told.labels["up"]["job"].add("consent-relay-receiver")

    all_labels = FROM_PROMETHEUS.union(*told.labels.values())
    for where, query in queries():
        for name, matchers in named(query):
            assert name in told.labels, where
            for label, value in matchers.items():
                assert label in {*told.labels[name], *FROM_PROMETHEUS} or not told.labels[name], (where, label)
                assert not value or label in FROM_PROMETHEUS or value in told.labels[name][label], (where, value)
        assert grouped_by(query) <= all_labels, where
    documented = set(re.findall(r"^\| `(consent_relay_\w+)`", METRICS.read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == {name for name in told.families if name.startswith("consent_relay_")}


def test_every_alarm_says_what_is_wrong_how_bad_it_is_and_where_to_read_on() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["runbook_url"].startswith("docs/operating.md#"), rule["alert"]
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


def test_every_alarm_has_a_section_that_says_what_to_do() -> None:
    text = OPERATING.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-")
        for one in re.findall(r"^#+ (.*)", text, re.MULTILINE)
    }
    anchors = headings | set(re.findall(r'<a (?:id|name)="([^"]+)"', text)) | set(re.findall(r"{#([\w-]+)}", text))

    assert {rule["annotations"]["runbook_url"].partition("#")[2] for rule in rules()} <= anchors


def test_prometheus_asks_the_processes_that_the_rules_know() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    wanted = {job for _, query in queries() for job in re.findall(r'job="([^"]+)"', query)}

    assert config["rule_files"] == ["rules.yml"]
    assert jobs == {"consent-relay-receiver", "consent-relay-dispatcher", "consent-relay-console"}
    assert wanted <= jobs


def test_the_dashboards_panels_are_told_apart_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in panels()]
    places = [(panel["title"], panel["gridPos"]) for panel in panels()]

    assert len(ids) == len(set(ids))
    for (one, a), (other, b) in combinations(places, 2):
        apart_across = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_down = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_across or apart_down, (one, other)
    assert all(place["x"] + place["w"] <= 24 for _, place in places)


def test_grafana_finds_the_dashboard_and_its_data() -> None:
    provisioning = DASHBOARD.parents[1] / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "consent-relay.yml").read_text())["providers"]
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}" in compose


@needs_promtool
def test_promtool_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", str(PROMETHEUS / "rules.yml"))
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


@needs_promtool
def test_alarms_ring_when_they_should_and_not_before() -> None:
    promtool("test", "rules", str(Path(__file__).parent / "alarms.yml"))


@needs_promtool
def test_promtool_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    exprs = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    plain = [
        one.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$endpoint", ".*") for one in exprs
    ]
    recorded = [{"record": f"panel:query{place}", "expr": expr} for place, expr in enumerate(plain)]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))

    promtool("check", "rules", "--lint=none", str(file))


def promtool(*words: str) -> None:
    assert PROMTOOL is not None
    ran = subprocess.run([PROMTOOL, *words], check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
