"""Who is calling: the V2 API secret, or a short-lived token that was got with it (portone-facts §1.1)."""

from datetime import datetime, timedelta

from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Store, Token
from jangbu.sandbox.core.state import State
from jangbu.sandbox.core.world import World

ACCESS_LIFE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=1)


class Caller:
    """A store's credential at work."""

    def __init__(self, store: Store, secret: str) -> None:
        self.store = store
        self.secret = secret

    def may_use(self, store_id: str | None) -> Store:
        """The store a call is about: its own by default (portone-facts §1.5).

        Refuses another's as FORBIDDEN.
        """
        if store_id not in (None, self.store.id):
            raise ApiError("FORBIDDEN", f"The credential has no access to store {store_id}.")
        return self.store


def caller_of(world: World, authorization: str | None, now: datetime) -> Caller:
    """Reads `PortOne <secret>` or `Bearer <accessToken>`: the scheme, then one space.

    Refuses as UNAUTHORIZED.
    """
    scheme, _, credential = (authorization or "").partition(" ")
    if scheme == "PortOne":
        store = _store_with(world.state, credential)
        if store is not None:
            return Caller(store, credential)
    if scheme == "Bearer":
        token = _token(world.state, "ACCESS", credential, now)
        if token is not None:
            return Caller(world.state.stores[token.store_id], token.secret)
    raise ApiError("UNAUTHORIZED", "The credential is missing, wrong or expired.")


def log_in(world: World, secret: str, now: datetime) -> dict[str, str]:
    """A new pair of tokens for an API secret. Refuses a wrong one as UNAUTHORIZED."""
    store = _store_with(world.state, secret)
    if store is None:
        raise ApiError("UNAUTHORIZED", "The API secret is wrong.")
    return _new_pair(world, store, secret, now)


def refresh(world: World, refresh_token: str, now: datetime) -> dict[str, str]:
    """A new pair for a refresh token that is still good. Refuses as UNAUTHORIZED."""
    token = _token(world.state, "REFRESH", refresh_token, now)
    if token is None:
        raise ApiError("UNAUTHORIZED", "The refresh token is wrong, expired or was replaced.")
    return _new_pair(world, world.state.stores[token.store_id], token.secret, now)


def _new_pair(world: World, store: Store, secret: str, now: datetime) -> dict[str, str]:
    """Each login or refresh by one user ends the earlier refresh token at once (portone-facts §1.1)."""

    def is_same_user(token: Token) -> bool:
        by_store = world.inferred.refreshes_end_by == "store"
        return token.store_id == store.id if by_store else token.secret == secret

    access = Token(f"at_{world.ids.token(40)}", "ACCESS", store.id, secret, now + ACCESS_LIFE)
    renewed = Token(f"rt_{world.ids.token(40)}", "REFRESH", store.id, secret, now + REFRESH_LIFE)
    world.state.tokens = [
        token
        for token in world.state.tokens
        if token.expires_at > now and not (token.kind == "REFRESH" and is_same_user(token))
    ] + [access, renewed]
    return {"accessToken": access.value, "refreshToken": renewed.value}


def _store_with(state: State, secret: str) -> Store | None:
    return next((store for store in state.stores.values() if secret in store.api_secrets), None)


def _token(state: State, kind: str, value: str, now: datetime) -> Token | None:
    return next(
        (t for t in state.tokens if t.kind == kind and t.value == value and t.expires_at > now),
        None,
    )
