"""Posting entries, sealing them, and proving the books.

`post` joins its caller's transaction, because an entry commits with the state it records or not at all. The rest opens
its own. Proof has two halves: *unaltered* (every digest and the whole chain recomputed here, outside the database) and
*complete* (the entry keys that each capability expects, against those there are).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jangbu import audit
from jangbu.db import Database, Query, Tx
from jangbu.ledger import store
from jangbu.ledger.rules import Account, Entry, Posting
from jangbu.money import Money
from jangbu.sealing import GENESIS, Chain, Head, Tail, Walk

SNAPSHOT_EVERY = 10_000
SHOWN_MAX = 20
CHAINS: tuple[Chain, ...] = (store.CHAIN, audit.CHAIN)


async def post(tx: Tx, entry: Entry, *, recorded_at: datetime) -> bool:
    """Post the entry; False when this key was posted before, in which case it must have said the same."""
    if await store.insert(tx, entry, recorded_at=recorded_at):
        return True
    before = await store.of_key(tx, entry.key)
    said = (
        {(line.kind, line.currency) for line in before},
        [(line.path, line.store_id, line.channel_key, line.pg, line.partner_id, line.amount_minor) for line in before],
    )
    says = ({(entry.kind, entry.currency)}, [posting.named() for posting in entry.postings])
    assert said == says, f"{entry.key} was posted with other figures"
    return False


async def reverse(tx: Tx, key: str, *, by: str, kind: str, happened_at: datetime, recorded_at: datetime) -> bool:
    """Undo the entry `key` with its mirror image, posted as `by`; False when there is no such entry.

    Nothing is ever changed in the books: a wrong entry is corrected with another one.
    """
    lines = await store.of_key(tx, key)
    if not lines:
        return False
    mirror = Entry(
        key=by,
        kind=kind,
        happened_at=happened_at,
        postings=tuple(
            Posting(
                Account(line.path, line.store_id, line.channel_key, line.pg, line.partner_id),
                Money(-line.amount_minor, line.currency),
            )
            for line in lines
        ),
        facts={**lines[0].facts, "reverses": key},
    )
    await post(tx, mirror, recorded_at=recorded_at)
    return True


async def seal(*, db: Database) -> int:
    """Chain every entry and audit line that can be; how many. Run it each second, from as many workers as there are."""
    sealed = 0
    for chain in CHAINS:
        async with db.transaction() as tx:
            sealed += await chain.seal(tx)
    if sealed:
        async with db.transaction() as tx:
            # Two workers may both try; the second finds nothing new since the first one's snapshot and writes nothing.
            if await tx.one(store.CHAIN.lock):
                await tx.run(store.TAKE_SNAPSHOT, every=SNAPSHOT_EVERY)
    return sealed


@dataclass(frozen=True, slots=True)
class Unaltered:
    """The first verdict. `problems` are sentences for people, at most `SHOWN_MAX`; `broken` counts them all."""

    entries: int
    sealed: int
    head: Head
    tail: Tail
    audit_lines: int
    audit_head: Head
    broken: int
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken == 0


@dataclass(frozen=True, slots=True)
class Expectation:
    """The entry keys one capability says there must be: a query of one text column, and the prefix it speaks for."""

    name: str
    prefix: str
    keys: Query[str]


@dataclass(frozen=True, slots=True)
class Complete:
    """The second verdict: keys that were expected and are missing, and keys nobody expected."""

    expected: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.missing and not self.unexpected


@dataclass(frozen=True, slots=True)
class Proof:
    """Both verdicts, from one snapshot of the database."""

    at: datetime
    unaltered: Unaltered
    complete: Complete

    @property
    def holds(self) -> bool:
        return self.unaltered.holds and self.complete.holds


async def verify(*, db: Database, at: datetime, expectations: Sequence[Expectation], kept: Head | None = None) -> Proof:
    """Prove the books as they are in one snapshot. Reads everything; changes nothing.

    `kept` is a head from an earlier proof that was kept elsewhere: only it shows that the chain's end was cut off, or
    that all of it was made anew.
    """
    async with db.transaction(snapshot=True, long=True) as tx:
        keys: set[str] = set()
        unaltered = await _unaltered(tx, keys)
        beside = [*await _not_the_kept(tx, kept), *await tx.all(store.BESIDE_THE_CHAIN)]
        unaltered = replace(
            unaltered,
            broken=unaltered.broken + len(beside),
            problems=(*beside, *unaltered.problems)[:SHOWN_MAX],
        )
        return Proof(at, unaltered, await _complete(tx, keys, expectations))


async def _not_the_kept(tx: Tx, kept: Head | None) -> list[str]:
    if kept is None or kept == Head(0, GENESIS) or await tx.maybe(store.LINK, seq=kept.seq) == kept.digest:
        return []
    return [f"the head that was kept, seal {kept.seq}, is not in the chain: its end was cut off or it was made anew"]


async def _unaltered(tx: Tx, keys: set[str]) -> Unaltered:
    walk, entries = Walk(), 0
    async for entry in store.stored(tx):
        entries += 1
        keys.add(entry.key)
        digest = store.recomputed(entry)
        if digest != entry.digest:
            walk.problems.append(f"{entry.key}: what it says is not what was committed")
        if len(entry.legs) < 2 or sum(leg[5] for leg in entry.legs) != 0:
            walk.problems.append(f"{entry.key}: does not balance")
        if entry.seq is not None:
            walk.follow(entry.key, entry.id, digest, seq=entry.seq, chained=entry.chained, previous=entry.previous)
    walk.finish(await tx.one(store.CHAIN.length))
    tail = await tx.one(store.CHAIN.tail)
    lines, audit_walk = await audit.walk(tx)
    problems = [*walk.problems, *(f"audit log: {problem}" for problem in audit_walk.problems)]
    return Unaltered(
        entries=entries,
        sealed=walk.rows,
        head=walk.head,
        tail=tail,
        audit_lines=lines,
        audit_head=audit_walk.head,
        broken=len(problems),
        problems=tuple(problems[:SHOWN_MAX]),
    )


async def _complete(tx: Tx, keys: set[str], expectations: Sequence[Expectation]) -> Complete:
    expected: set[str] = set()
    for expectation in expectations:
        wanted = await tx.all(expectation.keys)
        assert all(key.startswith(expectation.prefix) for key in wanted), f"{expectation.name} left its prefix"
        expected.update(wanted)
    return Complete(
        expected=len(expected),
        missing=tuple(sorted(expected - keys)[:SHOWN_MAX]),
        unexpected=tuple(sorted(keys - expected)[:SHOWN_MAX]),
    )


async def balances(*, db: Database, at: datetime | None = None) -> list[store.Balance]:
    """Every account's balance, now or as of a past moment."""
    async with db.transaction(snapshot=True, long=True) as tx:
        return await store.balances(tx, at)


async def journal(*, db: Database, since: datetime, until: datetime, prefix: str = "") -> list[store.JournalLine]:
    """Entries that happened in [since, until), line by line."""
    async with db.transaction(snapshot=True, long=True) as tx:
        return await store.journal(tx, since=since, until=until, prefix=prefix)
