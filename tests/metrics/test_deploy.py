"""The dashboard and the alerts in deploy/: they name nothing that does not exist, and fire when they should."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jangbu.metrics import names, state
from jangbu.portone import Why
from kit import House

from .scrape import SERIES

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "jangbu.json").read_text(encoding="utf-8"))
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
ALERTS: dict[str, str] = dict(
    re.findall(r"- alert: (\w+)\n(.*?)(?=\n      - alert|\n  - name|\Z)", RULES.read_text(encoding="utf-8"), re.DOTALL)
)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SHOWN = [target["expr"] for panel in PANELS for target in panel["targets"]]
ALARMED = {
    name: re.findall(r"expr: (?:>-\n)?(.*?)\n        (?:for|labels):", text, re.DOTALL)[0]
    for name, text in ALERTS.items()
}
EXPRESSIONS = [*SHOWN, *ALARMED.values()]
PROMTOOL = shutil.which("promtool")
HOWTO = (ROOT / "docs" / "howto" / "watch-it.md").read_text(encoding="utf-8")

VALUES = {
    "scope": {"new", "all"},
    "operation": {operation for operation, _ in state.ATTEMPTS},
    "status": {one for (one,) in state.REFUNDS + state.WEBHOOKS} | {str(code) for code in range(100, 600)},
    "state": {one for (one,) in state.DELIVERIES}
    | {one for one, _ in state.ENDPOINTS}
    | {one for _, one in state.ATTEMPTS}
    | {"waiting", "running", "held", "in_use", "idle"},
    "reason": {reason for _, reason in state.ENDPOINTS},
    "result": {"new", "duplicate", "refused", "failed"},
    "outcome": {f"unknown_{why.value}" for why in Why} | {"done", "refused", "failed", "broken_off"},
}
"""What the labels say that an expression may select by; test_counts.py and test_state.py see each being said."""


def used_in(expression: str) -> list[tuple[str, list[str]]]:
    """Every metric an expression names, with the labels it selects by."""
    return [
        (name, re.findall(r"(\w+)\s*[=!]~?\"", selector))
        for name, selector in re.findall(r"\b(jangbu_\w+)(?:\{([^}]*)\})?", expression)
    ]


def test_every_expression_is_looked_at() -> None:
    text = RULES.read_text(encoding="utf-8")
    assert len(ALERTS) == text.count("- alert:") == text.count("expr:")
    assert len(SHOWN) == json.dumps(DASHBOARD).count('"expr"')


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_dashboard_and_alerts_name_only_what_exists(expression: str) -> None:
    used = used_in(expression)
    assert used, expression
    grouped = {label for by in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for label in by.split(", ")}
    known = {"le", "instance", "job"}
    for name, labels in used:
        assert name in SERIES, f"{name} is not made by anybody"
        assert set(labels) <= set(SERIES[name].labels), f"{name} has no label {labels}"
        known |= set(SERIES[name].labels)
    assert grouped <= known, expression
    kinds = {SERIES[name].kind for name, _ in used}
    assert ("rate(" in expression) == bool(kinds & {"counter", "histogram"}), "counts, and only counts, by rate"


def test_state_is_never_added_up_over_processes() -> None:
    """Each web process says the same; a sum would tell twice the truth with two of them."""
    for expression in EXPRESSIONS:
        if not any(SERIES[name].source == "database" for name, _ in used_in(expression)):
            continue
        added_up = re.findall(r"\b(?:sum|avg)(?: by \([^)]*\))? ?\((.*)", expression)
        assert all(re.match(r"max by \([^)]*\) \(", inside) for inside in added_up), expression
        assert re.search(r"\b(?:max|min|absent)\b", expression), expression


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_no_zero_is_shown_or_waited_for_that_nobody_measured(expression: str) -> None:
    """A green 0 while nothing is scraped would be a lie; `?` is what the panel then shows."""
    assert "vector(" not in expression


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_dashboard_and_alerts_select_only_what_labels_say(house: House, expression: str) -> None:
    values = VALUES | {"check": {check.id for check in house.wired.checks}}
    for label, is_not, is_pattern, wanted in re.findall(r'(\w+)(!?)=?(~?)"([^"]*)"', expression):
        alternatives = wanted.split("|") if is_pattern else [re.escape(wanted)]
        for one in alternatives:
            assert any(re.fullmatch(one, value) for value in values[label]), f"no {label} {is_not}= {one}"


def test_every_check_wakes_somebody_in_one_way(house: House) -> None:
    """What is broken and what only does not flow are two alarms; none is in both or in neither."""
    flows = re.findall(r'check!~"([^"]*)"', ALARMED["JangbuInvariantBroken"])
    assert flows == re.findall(r'check=~"([^"]*)"', ALARMED["JangbuWorkNotFlowing"])
    flowing = {check.id for check in house.wired.checks if re.fullmatch(flows[0], check.id)}
    assert flowing == {"I13", "I14", "I15", "I24", "I26", "I27-audit", "I27-ledger", "I33"}


def test_every_metric_is_on_the_dashboard_and_in_the_docs() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    shown = {SERIES[name].name for expression in EXPRESSIONS for name, _ in used_in(expression)}
    for metric in names.EVERY:
        assert f"| `{metric.name}` | {metric.kind} |" in page
        assert metric.name in shown, f"{metric.name} is made, and nobody looks at it"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_means_in_both_languages_and_what_to_do(name: str) -> None:
    text = ALERTS[name]
    assert re.findall(r"severity: (\w+)", text) in (["page"], ["ticket"])
    for key in ("summary", "summary_ko", "todo"):
        assert re.findall(rf'^          {key}: ".{{10,}}"$', text, re.MULTILINE), key
    assert re.search("[가-힣]", re.findall(r'summary_ko: "(.*)"', text)[0])
    assert f"| `{name}` |" in HOWTO


def test_the_howto_tells_of_every_alert_and_of_no_other() -> None:
    assert re.findall(r"^\| `(Jangbu\w+)` \|", HOWTO, re.MULTILINE) == list(ALERTS)


def test_commands_and_pages_that_are_named_exist() -> None:
    commands = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    routes = (ROOT / "docs" / "reference" / "routes.md").read_text(encoding="utf-8")
    settings = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    text = RULES.read_text(encoding="utf-8") + HOWTO + json.dumps(DASHBOARD)
    for command in re.findall(r"`(jangbu [a-z]+(?: [a-z]+)*)[^`]*`", text):
        assert f"## `{command}`" in commands or f"## `{command.rpartition(' ')[0]}`" in commands, command
    for page in re.findall(r"(?<![\w.])/console/[a-z/-]*[a-z]", text):
        assert f"`{page}`" in routes, page
    for setting in re.findall(r"\b[A-Z]+_[A-Z_]+\b", text):
        assert setting in {"WAITING", "SENDING", "REQUESTED"} or f"`{setting}`" in settings, setting


def test_no_label_collides_with_prometheus_own() -> None:
    assert not {label for metric in names.EVERY for label in metric.labels} & {"job", "instance", "le", "quantile"}


def test_the_dashboard_has_the_shape_grafana_reads() -> None:
    panels = DASHBOARD["panels"]
    assert DASHBOARD["uid"] == "jangbu"
    assert DASHBOARD["schemaVersion"] >= 36
    assert [one["type"] for one in DASHBOARD["templating"]["list"]] == ["datasource"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert panels[0]["title"] == rows[0] == "Money safety · 돈의 안전"
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert cells and max(x for x, _ in cells) < 24
        assert not cells & taken, f"{panel['title']} lies on another"
        taken |= cells
    for panel in PANELS:
        assert panel["type"] in {"stat", "table", "timeseries"}
        assert panel["title"] and panel["description"]
        for source in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
            assert source == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references)) and references


@pytest.mark.skipif(PROMTOOL is None, reason="Prometheus's promtool is not on this machine")
def test_alerts_fire_when_they_should_and_not_before() -> None:
    """Prometheus itself says it, over the series in alerts_test.yml."""
    assert PROMTOOL is not None
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(Path(__file__).parent / "alerts_test.yml")]):
        said = subprocess.run([PROMTOOL, *command], capture_output=True, text=True, timeout=60, check=False)
        assert said.returncode == 0, said.stdout + said.stderr
