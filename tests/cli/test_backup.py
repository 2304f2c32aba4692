"""`jangbu backup` and `jangbu restore`, from the terminal."""

import json
from pathlib import Path

from cli.tools import Jangbu, serving
from jangbu import embedded
from jangbu.backup.tools import without_password
from jangbu.payments.service.initialize import Order, initialize
from jangbu.wiring import Addresses
from kit import TESTER, House


async def test_a_backup_is_made_checked_loaded_and_adopted(
    jangbu: Jangbu, where: Addresses, server: embedded.Embedded, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    made = await jangbu("backup", str(folder), "--json")
    assert made.code == 0, made.err
    assert made.json["manifest"] == json.loads((folder / "manifest.json").read_text())
    again = await jangbu("backup", str(folder))
    assert (again.code, "is there already" in again.err) == (2, True)
    checked = await jangbu("backup", "--check", str(folder))
    assert (checked.code, "whole" in checked.out) == (0, True)

    name = "restored_by_command"
    await embedded.create_database(server, name)
    try:
        address, password = without_password(server.dsn("owner", name))
        assert password is not None
        restored = await jangbu.given(PGPASSWORD=password)("restore", str(folder), "--into", address, "--json")
        assert restored.code == 0, restored.err
        assert restored.json["holds"] is True
        assert restored.json["installation"] is None

        there = jangbu.given(
            DATABASE_URL=server.dsn("system", name),
            JANGBU_DATABASE_URL_REQUEST=server.dsn("request", name),
            JANGBU_DATABASE_URL_OWNER=server.dsn("owner", name),
        )
        assert (await there("books", "verify")).code == 0
        occupied = await there("restore", str(folder))
        assert (occupied.code, "is not empty" in occupied.err) == (2, True)
    finally:
        await embedded.drop_database(server, name)


async def test_restoring_without_a_word_of_where_goes_where_the_settings_point_and_can_adopt(
    jangbu: Jangbu, bare: Jangbu, tmp_path: Path
) -> None:
    """Into a fresh embedded database: the whole of a disaster, on a new machine."""
    folder, home = tmp_path / "backup", tmp_path / "new-home"
    assert (await jangbu("backup", str(folder))).code == 0
    new = bare.given(JANGBU_HOME=str(home))
    try:
        mistyped = await new("restore", str(tmp_path / "bakcup"))
        assert (mistyped.code, "is not a backup" in mistyped.err, home.exists()) == (2, True, False)
        restored = await new("restore", str(folder), "--adopt")
        assert restored.code == 0, restored.err
        assert "JANGBU_INSTALLATION=" in restored.out
        id_ = restored.out.partition("JANGBU_INSTALLATION=")[2].split()[0]
        doctor = await new("doctor", "--json")
        told = {check["check"]: check["sentence"] for check in doctor.json["checks"]}
        assert told["installation"].startswith(id_)
    finally:
        await embedded.remove(home)


async def test_a_backup_that_was_bitten_is_not_whole(jangbu: Jangbu, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert (await jangbu("backup", str(folder))).code == 0
    with (folder / "dump" / "toc.dat").open("rb+") as file:
        file.write(b"PGDMQ")
    checked = await jangbu("backup", "--check", str(folder))
    assert (checked.code, "not whole" in checked.out) == (1, True)
    refused = await jangbu("restore", str(folder))
    assert (refused.code, "nothing was loaded" in refused.err) == (2, True)


async def test_there_must_be_something_to_back_up(bare: Jangbu, tmp_path: Path) -> None:
    ran = await bare("backup", str(tmp_path / "backup"))
    assert (ran.code, ran.out, "nothing to back up" in ran.err) == (2, "", True)


async def test_catching_up_lists_what_only_portone_knows_and_reads_ours_again(jangbu: Jangbu, house: House) -> None:
    """Against a PortOne on a socket of its own, as it stands in real life."""
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    async with serving(house.portone.app) as url:
        here = jangbu.given(PORTONE_V2_BASE_URL=url)
        quiet = await here("catch-up", "--since", "2026-07-31")
        assert (quiet.code, "0 payments changed" in quiet.out) == (0, True), quiet.err
        await house.portone.pay(payment.provider_order_id)
        await house.portone.pay("only-portone-knows")
        until = ("--until", "2026-08-01")
        told = await here("catch-up", "--since", "2026-07-31", *until)
        assert told.code == 1, told.err
        assert "only-portone-knows" in told.out
        assert payment.provider_order_id not in told.out
        again = await here("catch-up", "--since", "2026-07-31", *until, "--json")
        assert again.json["changed"] == []
        assert [stranger["payment_id"] for stranger in again.json["unknown_to_us"]] == ["only-portone-knows"]
    shown = await jangbu("payments", "show", str(payment.id), "--json")
    assert shown.json["payment"]["status"] == "PAID"
