"""The console's pages of people, keys, one's own account and the audit log, over the whole program."""

import re
from uuid import UUID

import pytest

from at_console import ORIGIN, PASSWORD, at_the_console, in_english, stranger
from jangbu.access.rules import KEY_SCOPES, Role
from jangbu.access.service.keys import authenticate_key, create_api_key, list_api_keys
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import list_staff
from kit import TESTER, House

NEW = "옥수수차 세 병 주세요"
PEOPLE, KEYS, ME, AUDIT = "/console/people", "/console/keys", "/console/me", "/console/audit"

pytestmark = pytest.mark.usefixtures("scrypts")


async def id_of(house: House, email: str) -> UUID:
    return next(one.user_id for one in await list_staff(run=house.run) if one.email == email)


async def test_somebody_is_invited_comes_and_is_let_out_again(house: House) -> None:
    async with at_the_console(house) as console, stranger(house) as lee:
        made = await console.post(PEOPLE, data={"email": "Lee@shop.example", "name": "이실장", "role": "Support"})
        assert made.status_code == 200
        (link,) = re.findall(rf"{ORIGIN}(/console/link/[A-Za-z0-9_-]+)", made.text)
        assert "초대됨" in (await console.get(PEOPLE)).text
        assert link not in (await console.get(PEOPLE)).text
        asked = await lee.get(link)
        assert "이실장" in asked.text and asked.headers["cache-control"] == "no-store"
        assert asked.headers["referrer-policy"] in {"no-referrer", "strict-origin-when-cross-origin"}
        differ = await lee.post(link, data={"new": NEW, "again": PASSWORD})
        assert (differ.status_code, "두 비밀번호가 서로 다릅니다" in differ.text) == (422, True)
        chosen = await lee.post(link, data={"new": NEW, "again": NEW})
        assert (chosen.status_code, chosen.headers["location"]) == (303, "/console/sign-in")
        assert (await lee.get(link)).status_code == 410
        assert (await lee.post(link, data={"new": NEW, "again": NEW})).status_code == 410
        _, cookie = await sign_in("lee@shop.example", NEW, "192.0.2.9", "tests", run=house.wired.request)
        lee.headers["cookie"] = f"better-auth.session_token={cookie}"
        assert (await lee.get("/console/payments")).status_code == 200
        here = f"{PEOPLE}/{await id_of(house, 'lee@shop.example')}"
        assert (await lee.get(AUDIT)).status_code == 403
        assert (await console.post(f"{here}/role", data={"role": "Manager"})).headers[
            "location"
        ] == f"{PEOPLE}?done=role"
        assert (await lee.get(AUDIT)).status_code == 200
        assert (await console.post(f"{here}/out")).status_code == 303
        assert (await lee.get("/console/payments")).status_code == 403
        assert (await console.post(f"{here}/in")).status_code == 303
        assert (await lee.get("/console/payments")).status_code == 200
        again = await console.post(f"{here}/link")
        assert "비밀번호 재설정 링크" in again.text and "/console/link/" in again.text
        assert (await in_english(console, again)).status_code == 200
        assert (await console.post(f"{here}/sign-out")).status_code == 303
        assert (await lee.get("/console/payments")).status_code == 303


async def test_the_last_super_admin_cannot_go(house: House) -> None:
    async with at_the_console(house) as console:
        here = f"{PEOPLE}/{await id_of(house, 'super_admin@shop.example')}"
        for act, form in (("out", {}), ("role", {"role": "Support"})):
            answer = await console.post(f"{here}/{act}", data=form)
            assert (answer.status_code, "마지막 Super Admin" in answer.text) == (409, True)
        assert (await console.post(f"{here}/role", data={"role": "root"})).status_code == 422
        assert (await console.post(f"{PEOPLE}/{UUID(int=1)}/out")).status_code == 404
        bad = await console.post(PEOPLE, data={"email": "nobody", "name": "<b>이</b>", "role": "Support"})
        assert (bad.status_code, "&lt;b&gt;" in bad.text) == (422, True)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.SUPPORT])
async def test_only_a_super_admin_sees_to_people_and_makes_keys(house: House, role: Role) -> None:
    async with at_the_console(house, role) as console:
        me = await id_of(house, f"{role.name.lower()}@shop.example")
        assert (await console.get(PEOPLE)).status_code == 403
        for path in (
            PEOPLE, f"{PEOPLE}/{me}/role", f"{PEOPLE}/{me}/in", f"{PEOPLE}/{me}/link", f"{PEOPLE}/{me}/sign-out",
            f"{PEOPLE}/{me}/out", KEYS, f"{KEYS}/{UUID(int=1)}/revoke",
        ):  # fmt: skip
            assert (await console.post(path, data={"role": "Super Admin"})).status_code == 403, path
        keys = await console.get(KEYS)
        assert keys.status_code == (200 if role is Role.MANAGER else 403)
        assert 'method="post"' not in keys.text.partition("<main")[2]
        assert (await console.get(AUDIT)).status_code == (200 if role is Role.MANAGER else 403)
        shown = (await console.get(ME)).text
        assert (PEOPLE in shown, KEYS in shown) == (False, role is Role.MANAGER)
    assert {one.role for one in await list_staff(run=house.run)} == {role.value}


async def test_a_key_is_made_shown_once_and_revoked(house: House) -> None:
    async with at_the_console(house) as console:
        form = {"name": "쇼핑몰", "scopes": ["payments:create", "payments:read"], "store": "store-1"}
        made = await console.post(KEYS, data=form | {"expires": "2999-12-31"})
        (secret,) = set(re.findall(r"jbk_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}", made.text))
        caller = await authenticate_key(secret, run=house.wired.request)
        assert (caller.scopes, caller.store_id) == ({"payments:create", "payments:read"}, "store-1")
        listed = (await console.get(KEYS)).text
        assert secret not in listed and secret[:12] in listed and "3000-01-01 00:00" in listed
        (key,) = await list_api_keys(run=house.run)
        assert (await console.post(f"{KEYS}/{key.id}/revoke")).status_code == 303
        assert "폐기됨" in (await console.get(KEYS)).text
        assert (await console.post(f"{KEYS}/{UUID(int=1)}/revoke")).status_code == 404
        for wrong in (
            form | {"name": ""}, form | {"scopes": []}, form | {"scopes": ["staff:manage"]},
            form | {"expires": "2020-01-01"}, form | {"expires": "soon"}, form | {"expires": "9999-12-31"},
            form | {"store": "x" * 201},
        ):  # fmt: skip
            assert (await console.post(KEYS, data=wrong)).status_code == 422, wrong
        assert len(await list_api_keys(run=house.run)) == 1


async def test_ones_own_page_changes_the_password_and_ends_sessions(house: House) -> None:
    async with at_the_console(house, Role.SUPPORT) as console:
        await sign_in("support@shop.example", PASSWORD, "198.51.100.7", "Phone <b>", run=house.wired.request)
        shown = (await console.get(ME)).text
        assert "198.51.100.7" in shown and "Phone &lt;b&gt;" in shown and "지금 이 브라우저" in shown
        (end,) = re.findall(rf'action="({ME}/sessions/[0-9a-f-]{{36}}/end)"', shown)
        assert (await console.post(end)).status_code == 303
        assert (await console.post(end)).status_code == 404
        assert (await console.post(f"{ME}/sessions/end-others")).status_code == 303
        form = {"present": "wrong", "new": NEW, "again": NEW}
        refused = await console.post(f"{ME}/password", data=form)
        assert (refused.status_code, (await in_english(console, refused)).status_code) == (422, 200)
        assert (await console.post(f"{ME}/password", data=form | {"again": "x"})).status_code == 422
        done = await console.post(f"{ME}/password", data=form | {"present": PASSWORD})
        assert done.headers["location"] == f"{ME}?done=password"
        assert "비밀번호를 바꿨습니다" in (await console.get(f"{ME}?done=password")).text
    await sign_in("support@shop.example", NEW, "192.0.2.1", "tests", run=house.wired.request)


async def test_another_site_can_do_none_of_it(house: House) -> None:
    async with at_the_console(house) as console, stranger(house) as lee:
        made = await console.post(PEOPLE, data={"email": "lee@shop.example", "name": "이실장", "role": "Support"})
        (link,) = re.findall(rf"{ORIGIN}(/console/link/[A-Za-z0-9_-]+)", made.text)
        evil = {"origin": "https://evil.example"}
        here = f"{PEOPLE}/{await id_of(house, 'lee@shop.example')}"
        for path in (PEOPLE, f"{here}/out", f"{here}/link", KEYS, f"{ME}/password", f"{ME}/sessions/end-others"):
            assert (await console.post(path, headers=evil)).status_code == 403, path
        assert (await lee.post(link, data={"new": NEW, "again": NEW}, headers=evil)).status_code == 403
        assert (await lee.get(link)).status_code == 200


async def test_the_audit_log_is_paged_and_found_by_who_and_what(house: House) -> None:
    async with at_the_console(house) as console:
        me = await id_of(house, "super_admin@shop.example")
        for number in range(60):
            await console.post(KEYS, data={"name": f"key-{number}", "scopes": ["payments:read"]})
        first = (await console.get(AUDIT)).text
        assert "key-59" in first and "<b>key-5</b>" not in first and "김장부" in first
        (older,) = re.findall(r'href="(\?before=\d+)" rel="next"', first)
        second = (await console.get(AUDIT + older)).text
        assert "<b>key-0</b>" in second and "access.admin_created" in second
        names = [set(re.findall(r"key-\d+", page)) for page in (first, second)]
        assert not names[0] & names[1] and len(names[0] | names[1]) == 60
        key = (await list_api_keys(run=house.run))[0]
        about = (await console.get(AUDIT, params={"subject": f"key:{key.id}"})).text
        assert "<b>key-0</b>" in about and "<b>key-1</b>" not in about
        assert "access.admin_created" not in (await console.get(AUDIT, params={"actor": f"user:{me}"})).text
        assert "access.admin_created" in (await console.get(AUDIT, params={"actor": "test"})).text
        both = (await console.get(AUDIT, params={"actor": "test", "subject": f"user:{me}"})).text
        assert "access.admin_created" in both
        for query in ("?before=x", "?before=" + "9" * 30, "?actor=%25", "?actor=%00", "?subject=' OR 1=1 --"):
            assert (await console.get(AUDIT + query)).status_code == 200
        assert "기록이 없습니다" in (await console.get(AUDIT + "?actor=%25")).text


async def test_programs_of_people_invite_too_and_keys_do_not(house: House) -> None:
    body = {"email": "new@shop.example", "name": "새 직원", "role": "Support"}
    async with at_the_console(house) as boss:
        made = await boss.post("/api/access/people", json=body)
        assert made.status_code == 201
        assert made.json()["data"]["url"].startswith("http://127.0.0.1:8080/console/link/")
        taken = await boss.post("/api/access/people", json=body)
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "EMAIL_TAKEN")
        (new,) = [one for one in await list_staff(run=house.run) if one.email == body["email"]]
        again = (await boss.post(f"/api/access/people/{new.user_id}/link")).json()["data"]
        assert again["purpose"] == "invite" and again["url"] != made.json()["data"]["url"]
    _, key = await create_api_key("all", sorted(KEY_SCOPES), actor=TESTER, run=house.run)
    async with stranger(house) as program:
        program.headers["authorization"] = f"Bearer {key}"
        refused = await program.post("/api/access/people", json=body | {"email": "key@shop.example"})
        assert refused.status_code == 403
