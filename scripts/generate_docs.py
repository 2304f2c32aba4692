"""Writes the reference pages made from code; `--check` fails when one is stale (tests/test_docs.py runs it)."""

import asyncio
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import typer

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
HEAD = "<!-- Made by `make docs`. Change the code it is made from, not this page. -->\n\n"


def settings_page() -> str:
    """Every setting: names, default, what it does."""
    from pydantic import AliasChoices, SecretStr

    from jangbu.settings import Settings

    lines = [
        "# Settings",
        "",
        "Read once at start from the environment and `.env`. Values are trimmed; empty means unset.",
        "",
    ]
    lines += ["| Name | Also read as | Default | What it does |", "|---|---|---|---|"]
    for field in Settings.model_fields.values():
        choices = field.validation_alias
        assert isinstance(choices, AliasChoices)
        names = [f"`{name}`" for name in choices.choices]
        default = field.default
        if isinstance(default, SecretStr):
            shown = "the sandbox's own; refused outside the sandbox"
        else:
            shown = "unset" if default in (None, "") else f"`{str(default).lower() if default is False else default}`"
        lines.append(f"| {names[0]} | {', '.join(names[1:]) or '–'} | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every refusal: code, status, what it means, both sentences."""
    import jangbu.app
    import jangbu.inbox.cli  # noqa: F401 (both bring in every refusal)
    from jangbu.errors import every_refusal

    lines = [
        "# Error codes",
        "",
        "Stable: programs may branch on them. The sentences are for people and may change.",
        "",
    ]
    for kind in every_refusal():
        meaning = " ".join((kind.__doc__ or "").split())
        lines += [f"## `{kind.code}` ({kind.http_status})", "", meaning, "", f"> {kind.ko}", ">", f"> {kind.en}", ""]
    return "\n".join(lines)


def states_page() -> str:
    """A payment's states, drawn from the transition table."""
    from jangbu.payments.rules import TRANSITIONS, Status

    lines = ["# A payment's states", "", "```mermaid", "stateDiagram-v2", "    [*] --> REGISTERING"]
    for (before, event), after in TRANSITIONS.items():
        lines.append(f"    {before.value} --> {after.value}: {event.value}")
    lines += ["```", "", "| State | Meaning |", "|---|---|"]
    meanings = _member_docs(Status)
    lines += [f"| `{status.value}` | {meanings[status.name]} |" for status in Status]
    return "\n".join(lines) + "\n"


def routes_page() -> str:
    """Every route with the rule it declares, and what follows for each kind of caller."""
    from jangbu.access.rules import Role

    rows = asyncio.run(_rules())
    lines = ["# Routes and who may call them", ""]
    lines += [
        "A route that declares no rule stops the program at start. ● may call it, – may not; an API key also needs the",
        "scope that the rule names, and one that is limited to a store sees nothing of any other, nor the console.",
        "",
        "*Freshly signed in*: whoever approves, reveals, or changes keys, secrets and people gave their password in",
        "the last 15 minutes. The console asks for it and goes on with what was sent; the API answers 403",
        "`FRESH_SIGN_IN_NEEDED`. A key has no password: it passes by a scope somebody gave it on purpose, can be",
        "revoked, and none can be made for keys or people. A refund wants no fresh sign-in: what is more than one",
        "person may decide is approved by a second, who needs one.",
        "",
    ]
    lines += [f"| Method | Path | Rule | nobody | API key | {' | '.join(role.value for role in reversed(Role))} |"]
    lines += ["|---|---|---|" + ":-:|" * (2 + len(Role))]
    for (method, path), rule in sorted(rows.items(), key=lambda r: r[0][::-1]):
        cells = " | ".join("●" if may else "–" for may in may_call(rule))
        lines.append(f"| {method} | `{path}` | {rule} | {cells} |")
    return "\n".join(lines) + "\n"


def may_call(rule: Any) -> list[bool]:
    """Whether nobody in particular, an API key that may be made, Support, Manager and Super Admin pass."""
    from jangbu.access.rules import KEY_SCOPES, Public, Role, Signed, may_pass, scopes_of

    staff = [may_pass(rule, scopes=scopes_of(role), role=role) for role in reversed(Role)]
    return [isinstance(rule, Public | Signed), may_pass(rule, scopes=KEY_SCOPES, role=None), *staff]


async def _rules() -> dict[tuple[str, str], Any]:
    from jangbu.access.guard import rules_of
    from jangbu.app import create
    from jangbu.clock import SystemClock
    from jangbu.db import Database
    from jangbu.ids import Ids
    from jangbu.outbox.egress import Policy
    from jangbu.outbox.sender import HttpSender
    from jangbu.portone import AiohttpTransport, PortOne
    from jangbu.queue import Waker
    from jangbu.runtime import Runtime
    from jangbu.settings import load
    from jangbu.wiring import wire

    # Nothing is opened: building the application only needs the objects, not their connections.
    settings = load(_env_file=None)
    db = Database("postgresql://nowhere/none", name="docs")
    run = Runtime(settings, db, SystemClock(), Ids(), Waker(db))
    portone = PortOne(AiohttpTransport(settings.portone_url), api_secret="x" * 16)
    app = create(wire(run, run, portone, HttpSender(Policy())))
    return rules_of(app)


def metrics_page() -> str:
    """Every metric, from the list that the program makes them from."""
    from jangbu.metrics.names import EVERY

    lines = [
        "# Metrics",
        "",
        "`GET /metrics` of the web program, for Prometheus. Who may read it: whoever sends `Authorization: Bearer`",
        "with the token of `JANGBU_METRICS_TOKEN`; where none is set, this machine, and no request through a proxy.",
        "",
        "A dashboard is in `deploy/grafana/jangbu.json`, alerts in `deploy/prometheus/alerts.yml`.",
        "[How to set them up, and what each alert wants](../howto/watch-it.md).",
        "",
    ]
    about = {
        "process": "Counted by each process for itself: add them up. With `JANGBU_WORKER_METRICS_PORT`, `jangbu worker`"
        " shows its own on that port, by the same rule.",
        "database": "Read from PostgreSQL, at most five seconds old, and the same from every web process: take the"
        " maximum, never the sum.",
    }
    for source, sentence in about.items():
        lines += [
            f"## From the {source}",
            "",
            sentence,
            "",
            "| Metric | Type | Labels | Meaning |",
            "|---|---|---|---|",
        ]
        for metric in EVERY:
            if metric.source == source:
                labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
                lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
        lines.append("")
    lines += [
        "The web program also shows `process_…` of itself (CPU, memory, open files).",
        "",
        "## The invariants",
        "",
    ]
    lines += ["`check` of `jangbu_invariant_…` is one of these (reliability §4; above I25 they are our own):", ""]
    lines += ["| Check | What must hold | 늘 참이어야 하는 것 | Each minute |", "|---|---|---|---|"]
    for check in _checks():
        minute = "–" if check.nightly else "what is new" if check.growth else "everything"
        lines.append(f"| `{check.id}` | {check.en} | {check.ko} | {minute} |")
    return "\n".join(lines) + "\n"


def _checks() -> Any:
    from typing import cast

    from jangbu.wiring import invariants

    # Nothing is asked here, so there need be nothing to ask.
    return invariants(cast("Any", None))


def events_page() -> str:
    """Every public event: what it means, its version, and a whole example."""
    from datetime import datetime
    from uuid import UUID

    import jangbu.wiring  # noqa: F401 (brings in every declaration)
    from jangbu.events import declared
    from jangbu.outbox.rules import FeedEvent
    from jangbu.outbox.service.feed import view

    lines = [
        "# Events",
        "",
        "What Jangbu tells the merchant's own systems: in the feed (`GET /api/events`) and by webhook, in one form.",
        "[How to receive them](../howto/receive-events.md).",
        "",
        "| Field | What it is |",
        "|---|---|",
        "| `id` | The event's id, and the `webhook-id` of every delivery: handle each id once. |",
        "| `seq` | Its place in the feed: whole numbers without gaps. Deliveries may overtake each other. |",
        "| `type`, `version` | What happened, and the form of `data`. New fields may come without a new version. |",
        "| `timestamp` | When it happened: RFC 3339, UTC. |",
        "| `mode`, `test` | `sandbox`, `test` or `live`; `test` is true for samples. Ship nothing on either. |",
        "| `storeId`, `subject` | PortOne's store, and what it happened to. |",
        "| `data` | As below. Money is an integer in minor units beside its currency. |",
        "",
    ]
    kinds = [kind for kind in declared() if kind.is_public]
    lines += ["| Type | Version | Meaning |", "|---|---|---|"]
    lines += [f"| [`{kind.name}`](#{kind.name.replace('.', '')}) | {kind.version} | {kind.en} |" for kind in kinds]
    for seq, kind in enumerate(kinds, start=1042):
        of = kind.example.get("id") or kind.example["endpointId"]
        event = FeedEvent(
            seq=seq,
            id=UUID(int=UUID("0198a5f1-2b3c-7d4e-8f50-617283940000").int + seq),
            type=kind.name,
            version=kind.version,
            subject=f"{kind.name.partition('.')[0]}:{of}",
            store_id="store-4ff4af41-85e3-4559-8eb8-0d08a2c6ceec",
            happened_at=datetime.fromisoformat("2026-08-01T03:00:09.120+00:00"),
            data=kind.example,
        )
        example = json.dumps(view(event, mode="live"), ensure_ascii=False, indent=2)
        lines += ["", f"## `{kind.name}`", "", kind.en, "", f"> {kind.ko}", "", "```json", example, "```"]
    return "\n".join(lines) + "\n"


def sandbox_page() -> str:
    """What of PortOne's API the sandbox has, and what it can be ordered to do."""
    from jangbu.sandbox.control_billing import KEY_ORDERS
    from jangbu.sandbox.core.assumed import ASSUMED
    from jangbu.sandbox.core.faults import KINDS
    from jangbu.sandbox.core.inferred import Inferred
    from jangbu.sandbox.coverage import FAMILIES, V1_FAMILIES, rows, v1_rows
    from jangbu.sandbox.coverage_browser import FATES, FUNCTIONS, OTHERS, PARAMETERS, V1_FUNCTIONS, V1_PARAMETERS
    from jangbu.sandbox.orders import ORDERS

    def orders(known: Mapping[str, tuple[type[Any], Any]]) -> Iterator[str]:
        yield from ("| Order | Fields | What happens |", "|---|---|---|")
        for name, (shape, _) in known.items():
            fields = ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(shape)) or "–"
            yield f"| `{name}` | {fields} | {' '.join((shape.__doc__ or '').split())} |"

    found = rows()
    count = {state: sum(row.state == state for row in found) for state in ("supported", "partly", "not")}
    more = sum(number for _, number, _ in FAMILIES)
    lines = [
        "# The sandbox and PortOne",
        "",
        "What the local PortOne has of the real one's V2 API. *Supported*: every field of the body is read and",
        "checked; what goes *to the PG alone* is seen nowhere afterwards, as no answer of PortOne's shows it either.",
        "*Partly*: the last column names what is missing. An answer may lack optional fields. Tests hold this",
        "page to it: PortOne's own Python SDK performs each operation, its JavaScript SDK each that it has, whose",
        "types every answer is held to; and where PortOne's OpenAPI description is at hand, every answer and every",
        "unread field is compared with it. *Name* is what a fault is ordered for, *fact* a section of portone-facts.",
        "[How to use it](../howto/develop-against-the-sandbox.md).",
        "",
        f"{count['supported']} supported, {count['partly']} partly, {count['not'] + more} not.",
        "",
        "| Operation | Name | Fact | State | What is missing |",
        "|---|---|---|---|---|",
    ]
    lines += [row.line for row in found]
    lines += [f"| `{path}*`: {number} operations | – | {fact} | not | all of them |" for path, number, fact in FAMILIES]
    found = v1_rows()
    count = {state: sum(row.state == state for row in found) for state in ("supported", "partly", "not")}
    more = sum(number for _, number in V1_FAMILIES)
    lines += [
        "",
        "## The older API (V1)",
        "",
        "Under `/v1`. Tests hold this table to PortOne's description of V1 as they hold the one above to V2's: each",
        "operation is performed, its answer is compared, and a field that is not read is named. The last part of the",
        "two searches may be left out, so they are four here and two there.",
        "",
        f"{count['supported']} supported, {count['partly']} partly, {count['not'] + more} not.",
        "",
        "| Operation | Name | Fact | State | What is missing |",
        "|---|---|---|---|---|",
    ]
    lines += [row.line for row in found]
    lines += [f"| `{path}*`: {number} operations | – | – | not | all of them |" for path, number in V1_FAMILIES]
    lines += ["", "## In the browser", ""]
    lines += ["| Function | State | What is missing | Fact |", "|---|---|---|---|"]
    lines += [f"| `{each.name}` | supported | see below: `{word}` | §7.1 |" for word, each in FUNCTIONS.items()]
    lines += [f"| `{each.name}` | supported | see below: V1's `{word}` | §7.2 |" for word, each in V1_FUNCTIONS.items()]
    lines += [f"| `{name}` | {state} | {lacks} | {fact} |" for name, state, lacks, fact in OTHERS]
    lines += ["", "What becomes of each parameter, held by a test to PortOne's own list and to what is read.", ""]
    lines += [f"- *{fate}*: {what}." for fate, what in FATES.items()]
    lines += ["", "| Parameter | Of | What becomes of it | How |", "|---|---|---|---|"]
    lines += [row.line for row in PARAMETERS]
    lines += ["", "Of V1's functions:", "", "| Parameter | Of | What becomes of it | How |", "|---|---|---|---|"]
    lines += [row.line for row in V1_PARAMETERS]
    lines += [
        "",
        "## Faults",
        "",
        "`POST /__sandbox__/faults`: each strikes the next call, webhook or decision that fits.",
        "",
    ]
    lines += ["| Name | What happens |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, (_, what) in KINDS.items()]
    lines += [
        "",
        "## Orders",
        "",
        "`POST /__sandbox__/payments/{paymentId}/{order}`: what happens outside PortOne's API.",
        "",
    ]
    lines += orders(ORDERS)
    lines += ["", "`POST /__sandbox__/billing-keys/{billingKey}/{order}`: what happens to a key.", ""]
    lines += orders(KEY_ORDERS)
    lines += ["", "## What PortOne leaves open", ""]
    lines += [
        "Where the facts are silent the sandbox assumes. What a shop could depend on is a switch that some test sets.",
        '`POST /__sandbox__/switches` with `{"name": value}` sets it while the sandbox runs; `null` sets it back.',
        "",
    ]
    lines += ["| Switch | Default | What it means |", "|---|---|---|"]
    meanings = _member_docs(Inferred)
    for switch in dataclasses.fields(Inferred):
        usual = switch.default
        shown = str(usual).lower() if isinstance(usual, bool) else usual
        lines.append(f"| `{switch.name}` | `{shown}` | {meanings[switch.name]} |")
    lines += [
        "",
        "## Assumed without a switch",
        "",
        "Small things, or read between PortOne's lines: no shop should build on them. The code that rests on one",
        "names it, and a test compares the two.",
        "",
    ]
    lines += ["| Name | What is assumed |", "|---|---|"]
    lines += [f"| `{name}` | {' '.join(what.split())} |" for name, what in ASSUMED.items()]
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every command's help, as the terminal shows it."""
    from jangbu.cli import cli

    command = typer.main.get_command(cli)
    lines = ["# Commands", ""]

    def describe(name: str, one: Any) -> None:
        summary = " ".join((one.help or "").split("\n\n")[0].split())
        lines.append(f"## `{name}`")
        lines.extend(["", summary, ""])
        rows = [_option_row(parameter) for parameter in one.params if parameter.name not in {"help", "version"}]
        if rows:
            lines.extend(["| Option | What it does |", "|---|---|", *rows, ""])
        for child_name, child in sorted(getattr(one, "commands", {}).items()):
            describe(f"{name} {child_name}", child)

    describe("jangbu", command)
    return "\n".join(lines)


def _option_row(parameter: Any) -> str:
    names = (
        ", ".join(f"`{name}`" for name in parameter.opts)
        if parameter.opts[0].startswith("-")
        else f"`{parameter.name.upper()}`"
    )
    return f"| {names} | {' '.join((getattr(parameter, 'help', None) or '').split())} |"


def _member_docs(owner: type) -> dict[str, str]:
    """The string under each member of an enum or field of a dataclass: Python keeps it in the source only."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(owner)).body[0]
    assert isinstance(tree, ast.ClassDef)
    docs: dict[str, str] = {}
    for member, text in zip(tree.body, tree.body[1:], strict=False):
        if not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
            continue
        named = member.targets[0] if isinstance(member, ast.Assign) else getattr(member, "target", None)
        if isinstance(named, ast.Name):
            docs[named.id] = " ".join(str(text.value.value).split())
    return docs


def env_example() -> str:
    """`.env.example`, with every name there is."""
    from jangbu.setup import env_example as made

    return made()


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "payment-states.md": states_page,
    "routes.md": routes_page,
    "metrics.md": metrics_page,
    "commands.md": cli_page,
    "events.md": events_page,
    "sandbox.md": sandbox_page,
}


def main() -> int:
    """Write the pages, or with `--check` say which are stale; 1 if any is."""
    wanted = {REFERENCE / name: HEAD + make() for name, make in PAGES.items()}
    wanted[ROOT / ".env.example"] = env_example()
    stale = []
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stderr.write(f"{'stale' if '--check' in sys.argv else 'wrote'}: {path}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
