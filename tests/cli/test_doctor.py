"""`jangbu doctor`: all well when all is well, and each thing that can be wrong said in a plain sentence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cli.tools import Jangbu, Ran, inbox_at, serving
from jangbu import embedded
from jangbu.clock import SystemClock
from jangbu.db import Query
from jangbu.doctor import database
from jangbu.notices.rules import SAMPLES
from jangbu.notices.service.telling import alert
from jangbu.payments.confirm.api import routes as question_routes
from jangbu.payments.confirm.question import ROUTE
from jangbu.payments.service.initialize import Order, initialize
from jangbu.sandbox import V1_KEY, V1_SECRET
from jangbu.sandbox.app import running as running_sandbox
from jangbu.settings import Settings
from jangbu.wiring import Addresses, Wired, build, invariants
from kit import TESTER, House, free_port, until
from superuser import tampering

TEA = Order(amount=11_000, currency="KRW", order_name="보리차")


def said(ran: Ran, check: str) -> tuple[str, str]:
    """The verdict of one check, and everything it says."""
    found = [each for each in ran.json["checks"] if each["check"] == check]
    assert len(found) == 1, ran.out
    return found[0]["verdict"], f"{found[0]['sentence']} {found[0]['todo']}"


@asynccontextmanager
async def working(settings: Settings, where: Addresses, *, portone_url: str) -> AsyncIterator[Wired]:
    """A worker that runs, on the machine's own clock, until it has taken up its schedules."""
    settings = settings.model_copy(update={"portone_base_url": portone_url})
    async with build(settings, where) as wired:
        worker = wired.worker()
        task = asyncio.create_task(worker.run())

        async def has_schedules() -> bool:
            return bool(await wired.system.db.pool.fetchval("SELECT count(*) FROM pgqueuer_schedules"))

        await until(has_schedules, what="the worker's schedule")
        try:
            yield wired
        finally:
            worker.stop()
            await task


QUESTIONS = Query(int, "SELECT count(*) FROM payment_questions")


def portones_side(wired: Wired) -> Starlette:
    """What PortOne calls of us, on the machine's own clock."""
    run = replace(wired.system, clock=SystemClock())
    routes = question_routes(run, wired.portone, wired.approves)
    return Starlette(routes=[*inbox_at(run).routes, *routes])


async def sql(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_all_is_well_when_everything_runs(jangbu: Jangbu, where: Addresses, settings: Settings) -> None:
    async with (
        running_sandbox() as (portone_url, _),
        working(settings, where, portone_url=portone_url) as wired,
        serving(portones_side(wired)) as url,
    ):
        set_up = jangbu.given(PORTONE_V2_BASE_URL=portone_url, JANGBU_PUBLIC_URL=url, JANGBU_CHECKOUT_CONFIRM="true")
        ran = await set_up("doctor", "--json")
        async with wired.system.db.transaction() as tx:
            assert await tx.one(QUESTIONS) == 0, "it is no question of PortOne's, and no person reads of it"
        assert ran.code == 0, ran.out
        assert ran.json["well"] is True
        assert {check["verdict"] for check in ran.json["checks"]} == {"ok"}
        text = await set_up("doctor")
    assert text.code == 0
    assert "✗" not in text.out
    assert f"A signed webhook to {url}/api/portone/webhook was verified" in text.out
    assert f"A signed question to {url}/api/portone/confirm-question was answered no" in text.out


async def test_an_answer_that_portone_would_take_for_a_yes_is_wrong(
    jangbu: Jangbu, house: House, where: Addresses
) -> None:
    def yes(_: Request) -> JSONResponse:
        return JSONResponse({})

    app = Starlette(routes=[*inbox_at(house.run).routes, Route(ROUTE, yes, methods=["POST"])])
    async with serving(app) as url:
        set_up = jangbu.given(JANGBU_PUBLIC_URL=url, JANGBU_CHECKOUT_CONFIRM="true")
        ran = await set_up("doctor", "--json")
    verdict, sentence = said(ran, "question before an approval")
    assert verdict == "wrong" and "takes for a yes" in sentence


async def test_what_does_not_run_is_not_checked_and_it_says_how(jangbu: Jangbu) -> None:
    ran = await jangbu("doctor", "--json")
    assert ran.code == 1
    assert said(ran, "PortOne") == ("not_checked", said(ran, "PortOne")[1])
    assert "jangbu sandbox" in said(ran, "PortOne")[1]
    assert said(ran, "public address")[0] == "not_checked"
    assert "jangbu serve" in said(ran, "public address")[1]
    verdict, sentence = said(ran, "worker")
    assert verdict == "wrong"
    assert "jangbu worker" in sentence


async def test_a_public_address_where_nothing_listens_is_wrong(jangbu: Jangbu) -> None:
    ran = await jangbu.given(JANGBU_PUBLIC_URL=f"http://127.0.0.1:{free_port()}")("doctor", "--json")
    assert said(ran, "public address")[0] == "wrong"


@pytest.mark.parametrize(
    ("environment", "code"),
    [({"PORTONE_V2_API_SECRET": "a-wrong-one"}, "(401)"), ({"PORTONE_STORE_ID": "store-of-somebody-else"}, "(403)")],
    ids=["secret", "store"],
)
async def test_wrong_credentials_are_told_apart(jangbu: Jangbu, environment: dict[str, str], code: str) -> None:
    async with running_sandbox() as (portone_url, _):
        ran = await jangbu.given(PORTONE_V2_BASE_URL=portone_url, **environment)("doctor", "--json")
    assert ran.code == 1
    verdict, sentence = said(ran, "PortOne")
    assert verdict == "wrong"
    assert code in sentence
    assert "a-wrong-one" not in ran.out + ran.err


async def test_whether_v1_knows_the_key_is_told_to_whoever_has_one(jangbu: Jangbu) -> None:
    async with running_sandbox() as (portone_url, _):
        v1 = {"PORTONE_V2_BASE_URL": portone_url, "PORTONE_V1_API_KEY": V1_KEY}
        right = await jangbu.given(**v1, PORTONE_V1_API_SECRET=V1_SECRET)("doctor", "--json")
        wrong = await jangbu.given(**v1, PORTONE_V1_API_SECRET="a-wrong-one")("doctor", "--json")
    assert "knows our key" in said(right, "PortOne V1")[1]
    verdict, sentence = said(wrong, "PortOne V1")
    assert verdict == "wrong" and "(401)" in sentence
    assert "a-wrong-one" not in wrong.out + wrong.err


async def test_a_malformed_webhook_secret_is_told(jangbu: Jangbu) -> None:
    ran = await jangbu.given(PORTONE_WEBHOOK_SECRET="not base64!")("doctor", "--json")
    assert said(ran, "webhook secret")[0] == "wrong"
    assert said(ran, "public address")[0] == "not_checked"
    assert "not base64!" not in ran.out + ran.err


async def test_wrong_settings_are_the_one_finding(jangbu: Jangbu) -> None:
    ran = await jangbu.given(JANGBU_MODE="live")("doctor", "--json")
    assert ran.code == 1
    assert [check["check"] for check in ran.json["checks"]] == ["settings"]
    assert "is not set" in ran.json["checks"][0]["sentence"]


async def test_it_says_which_names_were_used_and_whose_secret_it_is(jangbu: Jangbu) -> None:
    ran = await jangbu.given(PORTONE_API_SECRET="s", PORT="8080")("doctor", "--json")
    assert "V2's secret is PORTONE_API_SECRET" in said(ran, "PortOne's keys")[1]
    ran = await jangbu.given(PORTONE_API_SECRET="s", PORTONE_API_KEY="k")("doctor", "--json")
    assert said(ran, "PortOne's keys")[0] == "wrong"
    assert "PORTONE_V2_API_SECRET" in said(ran, "PortOne's keys")[1]
    ran = await jangbu.given(PORTONE_API_SECRET="s", PORTONE_API_KEY="k", PORTONE_V2_API_SECRET="v2")(
        "doctor", "--json"
    )
    assert said(ran, "PortOne's keys")[0] == "ok"
    ran = await jangbu.given(PORTONE_BASE_URL="https://api.iamport.kr")("doctor", "--json")
    assert "V1's address" in said(ran, "PortOne's keys")[1]
    assert "DATABASE_URL" in said(ran, "settings")[1]


async def test_names_that_do_nothing_are_told(jangbu: Jangbu) -> None:
    ran = await jangbu.given(JANGBU_PUBLICURL="https://pay.example.com", BUSINESS_LAUNCH_DATE="2026-01-01")(
        "doctor", "--json"
    )
    verdict, sentence = said(ran, "unknown name")
    assert verdict == "look"
    assert "Did you mean JANGBU_PUBLIC_URL?" in sentence
    assert "BUSINESS_LAUNCH_DATE" in said(ran, "unused names")[1]


@pytest.mark.parametrize(
    "origin", ["https://shop.example.com/", "shop.example.com", "*", "https://shop.example.com/pay"]
)
async def test_an_origin_no_browser_sends_is_told(jangbu: Jangbu, origin: str) -> None:
    ran = await jangbu.given(ALLOWED_ORIGINS=f"https://good.example.com,{origin}")("doctor", "--json")
    verdict, sentence = said(ran, "browser origins")
    assert verdict == "wrong"
    assert origin in sentence
    assert "good.example.com" not in sentence


async def test_no_database_yet(bare: Jangbu) -> None:
    ran = await bare("doctor", "--json")
    assert ran.code == 1
    assert "jangbu init" in said(ran, "database")[1]
    assert list(bare.folder.iterdir()) == []


async def test_a_database_that_is_down_does_not_hide_the_rest(jangbu: Jangbu) -> None:
    nowhere = f"postgresql://jangbu_system:x@127.0.0.1:{free_port()}/jangbu"
    ran = await jangbu.given(DATABASE_URL=nowhere, JANGBU_DATABASE_URL_REQUEST=nowhere)("doctor", "--json")
    assert ran.code == 1
    assert said(ran, "database as system")[0] == "wrong"
    assert "No database answers" in said(ran, "database as system")[1]
    assert said(ran, "database as owner")[0] == "ok"
    assert said(ran, "webhook secret")[0] == "ok"
    assert said(ran, "work")[0] == "not_checked"


async def test_a_missing_login_is_told_by_its_setting(jangbu: Jangbu) -> None:
    ran = await jangbu.without("JANGBU_DATABASE_URL_REQUEST")("doctor", "--json")
    assert "JANGBU_DATABASE_URL_REQUEST" in said(ran, "database")[1]
    ran = await jangbu.without("JANGBU_DATABASE_URL_OWNER")("doctor", "--json")
    assert said(ran, "database as owner")[0] == "not_checked"


async def test_a_wrong_password_names_the_setting_to_mend(jangbu: Jangbu, where: Addresses) -> None:
    wrong = where.request.replace("jangbu_request:", "jangbu_request:not-")
    ran = await jangbu.given(JANGBU_DATABASE_URL_REQUEST=wrong)("doctor", "--json")
    verdict, sentence = said(ran, "database as request")
    assert verdict == "wrong"
    assert "JANGBU_DATABASE_URL_REQUEST" in sentence


async def test_roles_that_could_cheat_are_refused(jangbu: Jangbu, where: Addresses, server: embedded.Embedded) -> None:
    superuser = server.dsn("superuser", where.system.split("?")[0].rpartition("/")[2])
    ran = await jangbu.given(DATABASE_URL=superuser)("doctor", "--json")
    assert ran.code == 1
    assert "is a superuser" in said(ran, "roles")[1]
    assert "could be altered" in said(ran, "rights")[1]
    ran = await jangbu.given(DATABASE_URL=where.owner)("doctor", "--json")
    assert "owns tables" in said(ran, "roles")[1]
    ran = await jangbu.given(DATABASE_URL=where.request)("doctor", "--json")
    assert "a login of their own" in said(ran, "roles")[1]
    assert said(ran, "rights")[0] == "wrong"
    assert "does not allow it" in said(ran, "work")[1]


async def test_bypassing_row_level_security_is_refused(
    jangbu: Jangbu, where: Addresses, server: embedded.Embedded
) -> None:
    superuser = server.dsn("superuser", "postgres")
    name = where.system.split("?")[0].rpartition("/")[2]
    await sql(
        superuser,
        "CREATE ROLE over_the_wall LOGIN BYPASSRLS PASSWORD 'x' IN ROLE jangbu_request",
        f"GRANT CONNECT ON DATABASE {name} TO over_the_wall",
    )
    try:
        dsn = where.request.replace(where.request.split("//")[1].split("@")[0], "over_the_wall:x")
        ran = await jangbu.given(JANGBU_DATABASE_URL_REQUEST=dsn)("doctor", "--json")
    finally:
        await sql(superuser, f"REVOKE CONNECT ON DATABASE {name} FROM over_the_wall", "DROP ROLE over_the_wall")
    assert ran.code == 1
    assert "BYPASSRLS" in said(ran, "roles")[1]


async def test_logins_that_lead_to_different_databases(
    jangbu: Jangbu, where: Addresses, server: embedded.Embedded
) -> None:
    ran = await jangbu.given(JANGBU_DATABASE_URL_REQUEST=server.dsn("request"))("doctor", "--json")
    assert said(ran, "one database")[0] == "wrong"


async def test_migrations_that_are_missing_strange_or_too_new(jangbu: Jangbu, where: Addresses) -> None:
    await sql(where.owner, "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)")
    assert "Run jangbu migrate" in said(await jangbu("doctor", "--json"), "migrations")[1]
    await sql(where.owner, "UPDATE schema_migrations SET sha256 = 'x' WHERE number = 1")
    assert "was changed after it ran" in said(await jangbu("doctor", "--json"), "migrations")[1]
    await sql(where.owner, "INSERT INTO schema_migrations SELECT n, 'later', 'x' FROM generate_series(100, 150) AS n")
    ran = await jangbu("doctor", "--json")
    assert "newer than this program" in said(ran, "migrations")[1]
    assert said(ran, "work")[0] == "not_checked"


async def test_an_empty_database(jangbu: Jangbu, where: Addresses) -> None:
    await sql(where.owner, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    ran = await jangbu("doctor", "--json")
    assert ran.code == 1
    assert "The database is empty" in said(ran, "migrations")[1]


async def test_rights_too_many_and_too_few(jangbu: Jangbu, where: Addresses) -> None:
    await sql(where.owner, "REVOKE SELECT ON users FROM jangbu_request")
    assert "may not SELECT users" in said(await jangbu("doctor", "--json"), "rights")[1]
    await sql(where.owner, "GRANT UPDATE ON ledger_postings TO jangbu_system")
    ran = await jangbu("doctor", "--json")
    assert ran.code == 1
    assert "jangbu_system may UPDATE ledger_postings" in said(ran, "rights")[1]


async def test_what_waits_for_a_person_is_counted(jangbu: Jangbu, house: House, where: Addresses) -> None:
    house.portone.fault("answer_lost", operation="pre_register_payment")
    with pytest.raises(Exception, match="PORTONE"):
        await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await sql(
        where.owner,
        "UPDATE payments SET review = 'other_amount'",
        "UPDATE payment_attempts SET started_at = now() - interval '7 hours'",
        """
        INSERT INTO webhook_logs (webhook_id, body_sha256, status, received_at) VALUES ('w', '', 'failed', now());
        INSERT INTO pgqueuer (priority, entrypoint, status, payload) VALUES (0, 'inbox.handle', 'failed', '{}');
        INSERT INTO pgqueuer (priority, entrypoint, status, execute_after)
        VALUES (0, 'inbox.handle', 'queued', now() - interval '5 minutes');
        INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run)
        VALUES ('* * * * * */10', 'payments.sweep', now() + interval '30 seconds'),
               ('*/10 * * * *', 'payments.poll', now() + interval '5 minutes'),
               ('40 */6 * * *', 'payments.disputes', now() + interval '5 hours')
        """,
    )
    ran = await jangbu("doctor", "--json")
    assert ran.code == 1
    assert said(ran, "payments to look at") == ("look", said(ran, "payments to look at")[1])
    assert "1 other_amount" in said(ran, "payments to look at")[1]
    assert "1 calls to PortOne are open for more than 6 h" in said(ran, "calls without an outcome")[1]
    assert "inbox.handle" in said(ran, "held jobs")[1]
    assert "1 failed" in said(ran, "webhooks")[1]
    assert said(ran, "worker")[0] == "look"
    assert "waited for 5 min" in said(ran, "worker")[1]
    # The house's clock stands in August 2026, and nobody seals here.
    assert "not sealed yet" in said(ran, "seal")[1]


async def test_a_channel_whose_pg_nobody_knows_is_named(jangbu: Jangbu, where: Addresses) -> None:
    pays_by = jangbu.given(JANGBU_CHECKOUT_CHANNELS='{"CARD": "channel-key-1", "MOBILE": "channel-key-2"}')
    described = ("--name", "이니시스", "--pg", "INICIS_V2")
    assert (await pays_by("channels", "describe", "channel-key-1", *described)).code == 0
    mark, words = said(await pays_by("doctor", "--json"), "checkout")
    assert mark == "look"
    assert "MOBILE (channel-key-2)" in words
    assert "CARD" not in words
    await pays_by("channels", "describe", "channel-key-2", *described)
    assert said(await pays_by("doctor", "--json"), "checkout")[0] == "ok"


async def test_a_worker_that_died_is_noticed(jangbu: Jangbu, where: Addresses) -> None:
    await sql(
        where.owner,
        "INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run) "
        "VALUES ('* * * * * */10', 'payments.sweep', now() - interval '10 minutes'), "
        "('*/10 * * * *', 'payments.poll', now() - interval '2 minutes'), "
        "('40 */6 * * *', 'payments.disputes', now() + interval '1 hour')",
    )
    verdict, sentence = said(await jangbu("doctor", "--json"), "worker")
    assert verdict == "wrong"
    assert "No worker has been alive for 10 min" in sentence


@pytest.mark.parametrize(
    ("skew", "mark", "words"),
    [
        (timedelta(seconds=2), "good", "agree"),
        (timedelta(seconds=2.5), "look", "2.5 s ahead of"),
        (timedelta(seconds=-400), "look", "400.0 s behind"),
    ],
)
def test_clocks_that_disagree_are_told(skew: timedelta, mark: str, words: str) -> None:
    finding = database.skew(skew)
    assert finding.mark == mark
    assert words in finding.sentence


async def test_deep_asks_every_invariant_of_everything(
    jangbu: Jangbu, where: Addresses, settings: Settings, server: embedded.Embedded
) -> None:
    async with running_sandbox() as (url, _), working(settings, where, portone_url=url) as wired:
        checks = {check.id for check in invariants(wired.system)}
        sound = await jangbu("doctor", "--deep", "--json")
        async with tampering(server, where) as intruder:
            await intruder.execute("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x.y', 'failed')")
        broken = await jangbu("doctor", "--deep", "--json")
        shown = await jangbu("doctor", "--deep")
    assert {one["check"]: one["rows"] for one in sound.json["invariants"]} == dict.fromkeys(checks, 0)
    assert all(check_id in sound.err for check_id in checks), "progress"
    found = {one["check"]: one for one in broken.json["invariants"] if one["verdict"] != "ok"}
    assert list(found) == ["I26"] and found["I26"]["rows"] == 1
    assert (broken.code, broken.json["well"]) == (1, False)
    assert shown.code == 1 and "✗ I26  job:" in shown.out


async def test_deep_without_a_database_says_so_and_fails(bare: Jangbu) -> None:
    ran = await bare("doctor", "--deep", "--json")
    assert (ran.code, ran.json["invariants"], ran.json["well"]) == (1, [], False)
    assert "could not be asked" in ran.err


@pytest.mark.parametrize(
    ("environment", "verdict", "sentence"),
    [
        ({"ALERT_EMAIL_RECIPIENTS": "kim@shop.example"}, "wrong", "Set SMTP_HOST"),
        ({"ALERT_EMAIL_RECIPIENTS": "kim@shop.example", "SMTP_HOST": "mail.example"}, "wrong", "Set EMAIL_FROM"),
        ({"SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/secret"}, "ok", "Alerts go by Slack"),
        ({}, "ok", "seen in the console only"),
    ],
    ids=["no server", "no sender", "slack", "practice"],
)
async def test_who_would_hear_of_it_is_told(
    jangbu: Jangbu, environment: dict[str, str], verdict: str, sentence: str
) -> None:
    ran = await jangbu.given(**environment)("doctor", "--json")
    assert said(ran, "notices")[0] == verdict
    assert sentence in said(ran, "notices")[1]
    assert "services/secret" not in ran.out + ran.err


async def test_alerts_that_reached_nobody_are_told(jangbu: Jangbu, house: House) -> None:
    async with house.run.db.transaction() as tx:
        await alert(tx, SAMPLES["invariant_broken"], key="k", subject="books:1", run=house.run)
    verdict, sentence = said(await jangbu("doctor", "--json"), "alerts")
    assert verdict == "look"
    assert "1 are open, 1 of them critical. 1 of them reached nobody" in sentence
