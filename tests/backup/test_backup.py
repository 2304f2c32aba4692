"""A backup is whole or not there, and what is loaded from it is what was backed up (reliability F98)."""

import json
import shutil
import stat
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from backup.elsewhere import Elsewhere, back_up
from jangbu import backup, embedded
from jangbu.backup import tools
from jangbu.errors import SetupProblem
from jangbu.failpoints import Crash, armed
from jangbu.ledger.service import seal
from jangbu.payments.service.initialize import Order, initialize
from jangbu.wiring import EXPECTATIONS, Addresses, build
from kit import TESTER, House, settle
from superuser import tampering

WHAT_A_SCHEMA_IS = (
    (
        "tables",
        """
        SELECT relname, relowner, relkind, (SELECT string_agg(a::text, chr(44) ORDER BY a::text) FROM unnest(relacl) a)
          FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname
        """,
    ),
    (
        "rights on columns",
        """
        SELECT attrelid::regclass::text, attname, attacl::text FROM pg_attribute
         WHERE attacl IS NOT NULL AND attrelid > 16384 ORDER BY 1, 2
        """,
    ),
    (
        "triggers",
        """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
         WHERE NOT tgisinternal ORDER BY 1, 2
        """,
    ),
    (
        "constraints",
        r"""
        SELECT conrelid::regclass::text, conname, convalidated,
               -- Read back in, `varchar = ANY (…)` has its casts in other places; it is the same check.
               regexp_replace(pg_get_constraintdef(oid), '::[a-z ]+(\[\])?|[()]', '', 'g')
          FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text COLLATE "C", conname COLLATE "C"
        """,
    ),
    (
        "functions",
        """
        SELECT proname, proowner, prosecdef, proacl::text, proconfig::text, prosrc FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace ORDER BY 1
        """,
    ),
    (
        "the schema itself",
        """
        SELECT (SELECT string_agg(a::text, chr(44) ORDER BY a::text) FROM unnest(nspacl) a) FROM pg_namespace
         WHERE nspname = 'public'
        """,
    ),
)

TEA = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-of-tea")


async def a_paid_payment(house: House, number: int) -> str:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id=f"order-{number}")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await settle(house)
    return str(payment.id)


@pytest.mark.parametrize("jobs", [1, 3])
async def test_what_is_loaded_is_what_was_backed_up(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path, jobs: int
) -> None:
    await a_paid_payment(house, 1)
    await seal(db=house.run.db)
    # Committed and not sealed: a copy must know these too.
    await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    made = await back_up(house, where, tmp_path / "backup")
    assert made.ledger.seq == 1
    assert (made.counts["payments"], made.counts["ledger_entries"]) == (2, 1)
    assert made.audit.unsealed > 0
    await a_paid_payment(house, 2)

    restored = await elsewhere.load(house, tmp_path / "backup", jobs=jobs)

    assert restored.differences == ()
    assert restored.to_migrate == ()
    assert restored.proof is not None
    assert restored.proof.holds
    assert restored.proof.unaltered.head == made.ledger.head
    assert restored.proof.unaltered.audit_head == made.audit.head
    async with build(house.run.settings, elsewhere.addresses) as wired:
        # The transactions of another server are no reason for it to wait: the rest is sealed at once.
        assert await seal(db=wired.system.db) == made.ledger.unsealed + made.audit.unsealed


async def test_rights_rules_and_owners_come_along(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    await back_up(house, where, tmp_path / "backup")
    await elsewhere.load(house, tmp_path / "backup")
    described = []
    for address in (where.owner, elsewhere.addresses.owner):
        connection = await asyncpg.connect(address)
        described.append({what: [tuple(row) for row in await connection.fetch(sql)] for what, sql in WHAT_A_SCHEMA_IS})
        await connection.close()
    for what, _ in WHAT_A_SCHEMA_IS:
        assert set(described[0][what]) ^ set(described[1][what]) == set(), what


async def test_only_an_empty_database_is_loaded_into(house: House, where: Addresses, tmp_path: Path) -> None:
    made = await back_up(house, where, tmp_path / "backup")
    with pytest.raises(SetupProblem, match="is not empty"):
        await backup.restore(tmp_path / "backup", into=where.owner, clock=house.run.clock, expectations=EXPECTATIONS)
    assert await back_up(house, where, tmp_path / "again") is not None
    assert backup.Checked(made, ()).is_whole


async def test_a_row_that_was_changed_in_the_copy_is_told(
    house: House, where: Addresses, elsewhere: Elsewhere, server: embedded.Embedded, tmp_path: Path
) -> None:
    """The dump itself was made from an altered ledger: every digest of the files fits, and the books do not."""
    await a_paid_payment(house, 1)
    await seal(db=house.run.db)
    async with tampering(server, where) as connection:
        await connection.execute("UPDATE ledger_postings SET amount_minor = amount_minor * 2")
    await back_up(house, where, tmp_path / "backup")
    restored = await elsewhere.load(house, tmp_path / "backup")
    assert restored.differences == ()
    assert restored.proof is not None
    assert not restored.holds


async def test_a_manifest_from_another_backup_does_not_fit(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """Somebody put an older dump under a newer manifest, and adjusted the digests of the files."""
    await back_up(house, where, tmp_path / "older")
    await a_paid_payment(house, 1)
    await seal(db=house.run.db)
    await back_up(house, where, tmp_path / "newer")
    forged = json.loads((tmp_path / "newer" / "manifest.json").read_text())
    forged["files"] = json.loads((tmp_path / "older" / "manifest.json").read_text())["files"]
    (tmp_path / "older" / "manifest.json").write_text(json.dumps(forged))
    restored = await elsewhere.load(house, tmp_path / "older")
    assert not restored.holds
    assert any(difference.startswith("payments: 0 rows") for difference in restored.differences)
    assert any("the ledger's seal ends at 0" in difference for difference in restored.differences)


async def test_a_backup_that_is_cut_off_has_another_name_and_leaves_nothing(
    house: House, where: Addresses, tmp_path: Path
) -> None:
    with armed("backup.before_rename"), pytest.raises(Crash):
        await back_up(house, where, tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []
    (tmp_path / "backup.unfinished").mkdir()
    with pytest.raises(SetupProblem, match="cut off"):
        await back_up(house, where, tmp_path / "backup")
    with pytest.raises(SetupProblem, match="is not a backup"):
        await backup.check(tmp_path / "backup.unfinished")


async def test_a_backup_never_replaces_another(house: House, where: Addresses, tmp_path: Path) -> None:
    await back_up(house, where, tmp_path / "backup")
    with pytest.raises(SetupProblem, match="is there already"):
        await back_up(house, where, tmp_path / "backup")
    assert (await backup.check(tmp_path / "backup")).is_whole
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700, "it holds everybody's payments"


async def test_checking_finds_what_is_not_as_it_was_written(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    made = await back_up(house, where, tmp_path / "backup")
    data = next(name for name in made.files if name.endswith(".gz"))

    def bitten(folder: Path) -> None:
        path = folder / "dump" / data
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def lost(folder: Path) -> None:
        (folder / "dump" / data).unlink()

    def short(folder: Path) -> None:
        with (folder / "dump" / data).open("rb+") as file:
            file.truncate(3)

    def more(folder: Path) -> None:
        (folder / "dump" / "9999.dat.gz").write_bytes(b"")

    for hurt, says in ((bitten, "SHA-256 differs"), (lost, "is missing"), (short, "were written"), (more, "belong")):
        hurt_one = tmp_path / hurt.__name__
        shutil.copytree(tmp_path / "backup", hurt_one)
        hurt(hurt_one)
        checked = await backup.check(hurt_one)
        assert [says in problem for problem in checked.problems] == [True], checked.problems
        with pytest.raises(SetupProblem, match="nothing was loaded"):
            await elsewhere.load(house, hurt_one)
    assert (await backup.check(tmp_path / "backup")).is_whole


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "is damaged"), ("[]", "is damaged"), ('{"format": 2}', "has the format 2"), ('{"format": 1}', "is damaged")],
)
async def test_a_manifest_that_cannot_be_read_is_said_so(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(SetupProblem, match=says):
        await backup.check(tmp_path)


async def test_a_backup_of_a_newer_release_is_refused(
    house: House, where: Addresses, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    await back_up(house, where, tmp_path / "backup")
    path = tmp_path / "backup" / "manifest.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"schema": said["schema"] + 1}))
    with pytest.raises(SetupProblem, match="Install the release that made it"):
        await elsewhere.load(house, tmp_path / "backup")
    path.write_text(json.dumps(said | {"postgresql": "99.1"}))
    with pytest.raises(SetupProblem, match="Use PostgreSQL 99 or newer"):
        await elsewhere.load(house, tmp_path / "backup")
    path.write_text(json.dumps(said | {"pg_dump": "99.1"}))
    with pytest.raises(SetupProblem, match="must be of that release or a newer one"):
        await elsewhere.load(house, tmp_path / "backup")


async def test_what_pg_restore_cannot_do_is_done_not_at_all(
    house: House, where: Addresses, elsewhere: Elsewhere, server: embedded.Embedded, tmp_path: Path
) -> None:
    """A login that may not make tables: nothing is half there afterwards."""
    await back_up(house, where, tmp_path / "backup")
    with pytest.raises(SetupProblem, match="pg_restore gave up"):
        await backup.restore(
            tmp_path / "backup", into=elsewhere.addresses.system, clock=house.run.clock, expectations=EXPECTATIONS
        )
    assert (await elsewhere.load(house, tmp_path / "backup")).holds


@pytest.mark.parametrize(
    ("address", "shown", "password"),
    [
        ("postgresql://me:s%40cret@db:5432/x?sslmode=disable", "postgresql://me@db:5432/x?sslmode=disable", "s@cret"),
        ("postgresql://me@db/x", "postgresql://me@db/x", None),
        ("postgresql:///x?host=%2Frun%2Fpg&password=s%26", "postgresql:///x?host=%2Frun%2Fpg", "s&"),
        ("postgresql://me:a@[::1]:1,[::2]:2/x", "postgresql://me@[::1]:1,[::2]:2/x", "a"),
    ],
)
def test_a_password_never_stands_on_a_command_line(address: str, shown: str, password: str | None) -> None:
    assert tools.without_password(address) == (shown, password)


async def test_pg_dump_gets_the_password_by_its_environment(
    house: House, where: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from inside: a pg_dump that writes down how it was called."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name, body in (("pg_dump", f'echo "$@" > {tmp_path}/seen; env > {tmp_path}/env; exit 1'), ("pg_restore", "")):
        (bin_dir / name).write_text(f"#!/bin/sh\n{body}\n")
        (bin_dir / name).chmod(0o755)
    monkeypatch.setattr(tools, "find", lambda _: tools.Tools(bin_dir, "18.0", 18))
    monkeypatch.setenv("PGDATABASE", "somewhere_else")
    with pytest.raises(SetupProblem, match="pg_dump gave up"):
        await back_up(house, where, tmp_path / "backup")
    password = urlsplit(where.owner).password
    assert password
    assert password not in (tmp_path / "seen").read_text()
    environment = (tmp_path / "env").read_text()
    assert f"PGPASSWORD={password}" in environment
    assert "PGDATABASE" not in environment
    assert not (tmp_path / "backup").exists()


def test_the_oldest_client_programs_that_fit_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [tools.Tools(Path(str(major)), f"{major}.1", major) for major in (18, 15, 17)]
    monkeypatch.setattr(tools, "_on_this_machine", lambda: iter(there))
    assert [tools.find(major).major for major in (15, 16, 18)] == [15, 17, 18]
    with pytest.raises(SetupProblem, match="postgresql-client-19"):
        tools.find(19)
