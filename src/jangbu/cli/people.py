"""`jangbu keys …` and `jangbu admin …`: who may come in."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.clock import seoul
from jangbu.errors import SetupProblem
from jangbu.terminal import Json, Opener, document, execute, listed, moment, note, say

if TYPE_CHECKING:
    from jangbu.access.service.links import Made
    from jangbu.access.store import ApiKey

PASSWORD_BYTES = 15


def keys(opened: Opener) -> typer.Typer:
    """The `keys` commands."""
    keys = typer.Typer(help="API keys: what the shop's backend calls with.", no_args_is_help=True)

    @keys.command()
    def create(
        name: Annotated[str, typer.Argument(help="What the key is for, e.g. shop-backend.")],
        scope: Annotated[list[str], typer.Option(help="What it may do, e.g. payments:create. Repeat for more.")],
        store: Annotated[str, typer.Option(help="Only for this store of PortOne's. Default: all.")] = "",
        expires: Annotated[
            str, typer.Option(help="Valid to the end of a day in Seoul, or to a time with offset. Default: for good.")
        ] = "",
        as_json: Json = False,
    ) -> None:
        """Make a key and show its secret, this once. Each call makes another key."""
        expires_at = moment(expires, end=True) if expires else None

        async def work() -> str:
            from jangbu.access import cli as access

            async with opened() as run:
                return await access.create_key(name, scope, store_id=store or None, expires_at=expires_at, run=run)

        secret = execute(work())
        if as_json:
            document({"name": name, "scopes": scope, "secret": secret})
            return
        say(secret)
        note("Send it as `Authorization: Bearer …`. It is kept as a digest only, so nobody can show it again.")

    @keys.command("list")
    def list_(as_json: Json = False) -> None:
        """All keys: what they may do, when they were last used."""

        async def work() -> "list[ApiKey]":
            from jangbu.access import cli as access

            async with opened() as run:
                return await access.list_keys(run=run)

        listed(
            "keys",
            execute(work()),
            {
                "name": lambda key: key.name,
                "prefix": lambda key: key.prefix,
                "scopes": lambda key: " ".join(key.scopes),
                "made (Seoul)": lambda key: seoul(key.created_at),
                "last used": lambda key: seoul(key.last_used_at) if key.last_used_at else "never",
                "state": _state,
            },
            nothing="No keys. `jangbu keys create` makes one.",
            whole=_key_as_json,
            as_json=as_json,
        )

    @keys.command()
    def revoke(
        prefix: Annotated[str, typer.Argument(help="The key's prefix or id, as `jangbu keys list` shows it.")],
        as_json: Json = False,
    ) -> None:
        """End a key, now and for good. Safe to run again."""

        async def work() -> None:
            from jangbu.access import cli as access

            async with opened() as run:
                await access.revoke_key(prefix, run=run)

        execute(work())
        if as_json:
            document({"revoked": prefix})
        else:
            say(f"The key {prefix} is revoked.")

    return keys


def admin(opened: Opener) -> typer.Typer:
    """The `admin` commands."""
    admin = typer.Typer(help="People who may use the console.", no_args_is_help=True)

    @admin.command()
    def create(
        email: Annotated[str, typer.Argument(help="Signs in with this address.")],
        name: Annotated[str, typer.Option(help="As colleagues know them. Default: the part before the @.")] = "",
        role: Annotated[str, typer.Option(help="Super Admin, Manager or Support.")] = "Manager",
        generate: Annotated[bool, typer.Option("--generate", help="Make the password and show it, this once.")] = False,
        as_json: Json = False,
    ) -> None:
        """Let a person use the console. Asks for their password; piped in, it is the first line of stdin."""
        password = _generated() if generate else _asked()

        async def work() -> None:
            from jangbu.access import cli as access

            async with opened() as run:
                await access.create_admin(email, name or email.partition("@")[0], password, role, run=run)

        execute(work())
        if as_json:
            document({"email": email, "role": role, "password": password if generate else None})
            return
        say(f"{email} may sign in as {role}.")
        if generate:
            say(f"password  {password}")
            note("It is kept as a digest only, so nobody can show it again.")

    @admin.command()
    def invite(
        email: Annotated[str, typer.Argument(help="Signs in with this address.")],
        name: Annotated[str, typer.Option(help="As colleagues know them. Default: the part before the @.")] = "",
        role: Annotated[str, typer.Option(help="Super Admin, Manager or Support.")] = "Support",
        as_json: Json = False,
    ) -> None:
        """Let a person use the console: a link by which they choose a password nobody else ever knows."""

        async def work() -> "Made":
            from jangbu.access import cli as access

            async with opened() as run:
                return await access.invite(email, name or email.partition("@")[0], role, run=run)

        _show_link(execute(work()), as_json=as_json)

    @admin.command()
    def link(
        person: Annotated[str, typer.Argument(help="Their e-mail address or id.")],
        as_json: Json = False,
    ) -> None:
        """A new link for somebody who lost theirs, or their password. The older link ends."""

        async def work() -> "Made":
            from jangbu.access import cli as access

            async with opened() as run:
                return await access.link_for(person, run=run)

        _show_link(execute(work()), as_json=as_json)

    return admin


def _show_link(made: "Made", *, as_json: bool) -> None:
    if as_json:
        document({"email": made.email, "purpose": made.purpose, "url": made.url, "expires_at": made.expires_at})
        return
    say(made.url)
    until = seoul(made.expires_at)
    note(f"Hand it to {made.email} yourself. It is shown this once and works once, until {until} (Seoul).")


def _generated() -> str:
    from jangbu.ids import secret_token

    return secret_token(PASSWORD_BYTES)


def _asked() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise SetupProblem("No password came on stdin. Pipe one in, or let --generate make it.")
    return password


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return f"revoked {seoul(key.revoked_at)}"
    return "valid" if key.expires_at is None else f"until {seoul(key.expires_at)}"


def _key_as_json(key: "ApiKey") -> dict[str, Any]:
    names = ("id", "name", "prefix", "scopes", "store_id", "created_at", "last_used_at", "expires_at", "revoked_at")
    return {name: getattr(key, name) for name in names}
