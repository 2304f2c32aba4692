"""The house rules as tests: floors, arrows, table ownership, pure rules, one clock, no floats near money, sizes.

Each failure says what to do. The floors are those of design §3; a new folder must be given its place here.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "jangbu"
MIGRATIONS = Path(__file__).parents[1] / "migrations"
SIZE_WARNED, SIZE_MAX = 400, 600

GROUND = {"money", "clock", "ids", "errors", "failpoints", "vault", "emails", "periods", "limits"}
FLOORS: list[set[str]] = [
    GROUND,
    {
        "embedded",
        "settings",
        "mode_guard",
        "logs",
        "ready",
        "terminal",
        "sheets",
        "connecting",
        "sight",
        "db",
        "migrate",
        "sealing",
        "keeping",
        "queue",
        "runtime",
    },
    {"audit", "events", "checks", "installation"},
    {"access", "notices", "web", "metrics"},
    {
        "portone",
        "ledger",
        "inbox",
        "outbox",
        "payments",
        "identity",
        "checkout",
        "billing",
        "settlements",
        "reconciliation",
        "payouts",
        "insight",
        "sandbox",
    },
    {"wiring"},
    {"app", "worker", "cli", "demo", "doctor", "setup", "backup", "simulator"},
]
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
CAPABILITIES = FLOORS[4]

# Who may call whose services and rules (design §3).
ARROWS: dict[str, set[str]] = {
    "portone": set(),
    "ledger": set(),
    "sandbox": set(),
    "inbox": {"portone"},
    "outbox": set(),
    "insight": set(),
    "payments": {"portone", "ledger"},
    "identity": {"portone"},
    "checkout": {"portone", "payments"},
}
SANDBOX_MAY_IMPORT = GROUND

OWNER_OF_TABLE = {
    "schema_migrations": "migrate",
    "sandbox_clock": "runtime",
    "installation": "installation",
    "pgqueuer": "queue",
    "pgqueuer_log": "queue",
    "pgqueuer_schedules": "queue",
    "pgqueuer_statistics": "queue",
    "ledger_accounts": "ledger",
    "ledger_entries": "ledger",
    "ledger_postings": "ledger",
    "ledger_unsealed": "ledger",
    "ledger_seal": "ledger",
    "ledger_snapshots": "ledger",
    "audit_log": "audit",
    "audit_unsealed": "audit",
    "audit_seal": "audit",
    "events": "events",
    "event_receipts": "events",
    "users": "access",
    "session": "access",
    "admin": "access",
    "api_keys": "access",
    "staff_links": "access",
    "payer_secrets": "access",
    "request_limits": "access",
    "admin_alerts": "notices",
    "notices": "notices",
    "payments": "payments",
    "payment_attempts": "payments",
    "payment_cancellations": "payments",
    "payment_questions": "payments",
    "payment_disputes": "payments",
    "payment_receipts": "payments",
    "payment_dispute_moves": "payments",
    "payment_poll": "payments",
    "payment_channels": "payments",
    "identity_verifications": "identity",
    "items": "checkout",
    "payment_sessions": "checkout",
    "payment_session_lines": "checkout",
    "item_movements": "checkout",
    "webhook_logs": "inbox",
    "webhook_tries": "inbox",
    "outbox_waiting": "outbox",
    "outbox_feed": "outbox",
    "webhook_endpoints": "outbox",
    "webhook_endpoint_secrets": "outbox",
    "webhook_deliveries": "outbox",
    "webhook_delivery_attempts": "outbox",
    "check_runs": "checks",
}

FILES = sorted(SRC.rglob("*.py"))


def module_of(path: Path) -> str:
    """`payments.service.sync` for src/jangbu/payments/service/sync.py."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def house_of(module: str) -> str:
    return module.partition(".")[0]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module of ours a file imports, without the `jangbu.` in front, and the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "jangbu":
                yield from ((alias.name, node.lineno) for alias in node.names if alias.name != "__version__")
            elif node.module.startswith("jangbu."):
                inside = node.module.removeprefix("jangbu.")
                for alias in node.names:
                    deeper = SRC / Path(*inside.split("."), f"{alias.name}.py")
                    yield (f"{inside}.{alias.name}" if deeper.exists() else inside), node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("jangbu."):
                    yield alias.name.removeprefix("jangbu."), node.lineno


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_down_the_house(path: Path) -> None:
    mine = house_of(module_of(path))
    if not mine:
        return
    assert mine in FLOOR_OF, f"{mine} has no floor: give it one in tests/test_house.py and design it first"
    for module, line in imports(path):
        theirs = house_of(module)
        where = f"{path.relative_to(SRC)}:{line} imports {module}"
        if theirs == mine:
            continue
        if mine == "sandbox":
            assert theirs in SANDBOX_MAY_IMPORT, f"{where}: the sandbox must not share a misreading with us"
        elif theirs == "sandbox":
            assert FLOOR_OF[mine] == len(FLOORS) - 1, f"{where}: only programs start the sandbox"
        elif mine in CAPABILITIES and theirs in CAPABILITIES:
            assert theirs in ARROWS[mine], f"{where}: a lower capability never calls up; announce an event instead"
        else:
            assert FLOOR_OF[theirs] <= FLOOR_OF[mine], f"{where}: that is upstairs"


@pytest.mark.parametrize("path", sorted((SRC / "sandbox" / "core").glob("*.py")), ids=module_of)
def test_the_sandboxs_core_knows_none_of_its_doors(path: Path) -> None:
    for module, line in imports(path):
        if house_of(module) == "sandbox":
            assert module == "sandbox" or module.startswith("sandbox.core"), (
                f"{path.relative_to(SRC)}:{line} imports {module}: PortOne is the same behind every door"
            )


def is_door(module: str) -> bool:
    """Where requests, jobs and commands come in: api.py, pages.py, jobs.py, cli.py, and `…_api.py` and so on."""
    return module.rpartition(".")[2].rpartition("_")[2] in {"api", "pages", "jobs", "cli"}


def is_store(module: str) -> bool:
    return "store" in module.rpartition(".")[2].split("_")


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_nobody_imports_another_capabilitys_store_or_doors(path: Path) -> None:
    mine = house_of(module_of(path))
    for module, line in imports(path):
        if house_of(module) == mine or mine in {"wiring", *FLOORS[-1]}:
            continue
        # access.guard is the declaration every door makes; the rest of another capability's doors stays shut.
        assert not is_door(module) and not is_store(module), (
            f"{path.relative_to(SRC)}:{line} reaches into {module}: use its service, or a join in your own store"
        )


@pytest.mark.parametrize(
    "path", [p for p in FILES if house_of(module_of(p)) in CAPABILITIES - {"sandbox"}], ids=module_of
)
def test_only_doors_know_doors(path: Path) -> None:
    for module, line in imports(path):
        if house_of(module) in CAPABILITIES and is_door(module):
            assert is_door(module_of(path)), (
                f"{path.relative_to(SRC)}:{line} imports the door {module}: what both need stands below doors"
            )


@pytest.mark.parametrize("path", [p for p in FILES if p.stem.endswith("rules")], ids=module_of)
def test_rules_are_pure(path: Path) -> None:
    allowed = GROUND | {"sealing"}
    for module, line in imports(path):
        house = house_of(module)
        own_or_rules = house == house_of(module_of(path)) or module.endswith("rules")
        assert house in allowed or own_or_rules, (
            f"{path.relative_to(SRC)}:{line}: rules do no I/O and import only the ground"
        )
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\basync def\b|\bawait\b", text), f"{path}: rules are plain functions"


def test_a_tables_sql_stands_with_its_owner() -> None:
    owners = set(OWNER_OF_TABLE)
    found = set(
        re.findall(
            r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)",
            "".join(p.read_text() for p in MIGRATIONS.glob("*.sql")),
        )
    )
    assert found | {"schema_migrations"} == owners, f"give these tables an owner: {found ^ owners}"
    writes = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE)\s+([a-z_]+)\b(?!\s*\()", re.IGNORECASE)
    for path in FILES:
        mine = house_of(module_of(path))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for table in writes.findall(node.value):
                    owner = OWNER_OF_TABLE.get(table.lower())
                    if owner is None or (mine == "queue" and owner == "queue"):
                        continue
                    assert owner == mine, f"{path.relative_to(SRC)}:{node.lineno} writes {table}, which {owner} owns"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_time_and_chance_come_from_one_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    module = module_of(path)
    if module != "clock":
        assert not re.search(r"datetime\.(?:now|utcnow|today)\(|\btime\.time\(|date\.today\(", text), (
            f"{path}: take a clock (clock.py) instead of the machine's time"
        )
    if module != "ids":
        assert not re.search(
            r"^\s*(?:import (?:random|secrets)|from (?:random|secrets) import)|\buuid4\(", text, re.MULTILINE
        ), f"{path}: randomness enters through ids.py only"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_no_float_comes_near_money(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"float", "round"}:
            line = ast.get_source_segment(path.read_text(encoding="utf-8"), node) or ""
            assert not re.search(r"amount|total|price|fee|vat|minor", line, re.IGNORECASE), (
                f"{path.relative_to(SRC)}:{node.lineno}: {line} — money is integer minor units"
            )
    if module_of(path) == "money":
        assert "/ " not in path.read_text(encoding="utf-8").replace("// ", ""), "money.py divides with // only"


@pytest.mark.parametrize("path", [p for p in FILES if "store" in p.stem or p.parent.stem == "store"], ids=module_of)
def test_stores_only_join_transactions(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ".transaction(" not in text, f"{path}: a store joins the transaction it is given; its service begins one"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_nothing_outside_is_called_inside_a_transaction(path: Path) -> None:
    """No `await portone.…`, `transport.…` or `session.get/post` may stand inside `async with ….transaction()`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.AsyncWith):
            continue
        if not any("transaction" in ast.unparse(item.context_expr) for item in node.items):
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                called = ast.unparse(inner.func)
                assert not re.match(
                    r"(?:self\._?)?(?:portone|transport|http|session|sender|channels|smtp|slack)\.\w+", called
                ), f"{path.relative_to(SRC)}:{inner.lineno} calls {called} while a transaction is open"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_files_stay_readable(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= SIZE_MAX, f"{path.relative_to(SRC)} has {lines} lines: split it by what it does"
    if lines > SIZE_WARNED:
        warnings.warn(f"{path.relative_to(SRC)} has {lines} lines; {SIZE_WARNED} is plenty", stacklevel=1)


def test_only_db_ends_transactions() -> None:
    for path in FILES:
        if module_of(path) in {"db", "migrate"} or house_of(module_of(path)) == "embedded":
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.(?:commit|rollback)\(\)", text), f"{path}: Database.transaction() begins and ends them"
