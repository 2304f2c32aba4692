"""The invariants of a sealed table: its chain recomputes, its head stays, nothing is left out, and the sealer works."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from jangbu.checks import Broken, Check, Found, Growth, Span, Sql
from jangbu.db import Query, Tx
from jangbu.sealing import GENESIS, Chain, Head, Walk

PAGE = 1_000


class Sealed(Protocol):
    """A row with its seal; what else it has is between its owner's query and its owner's digest."""

    @property
    def id(self) -> int: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def seq(self) -> int | None: ...
    @property
    def chained(self) -> bytes | None: ...
    @property
    def previous(self) -> bytes | None: ...


S = TypeVar("S", bound=Sealed)


def growth_of(chain: Chain) -> Growth:
    """Growth by seal number: seals are given in commit order, without gaps, so no row can arrive below one."""
    return Growth(
        chain.seal_table,
        Query(
            int,
            f"""
            SELECT greatest(:after::bigint, least(coalesce(max(seq), 0), :after::bigint + :step::bigint))
              FROM {chain.seal_table}
            """,
        ),
    )


def of_chain(
    name: str, ko: str, chain: Chain, *, page: Query[S], recompute: Callable[[S], bytes], called: Callable[[S], str]
) -> tuple[Check, ...]:
    """The invariants of one chain. `page` selects the sealed rows with `:after < seq <= :upto` in order of seq."""

    async def walk(tx: Tx, span: Span) -> Found:
        start = Head(span.after, await tx.maybe(chain.link, seq=span.after) or GENESIS)
        following, broken = Walk(start), []
        for after in range(span.after, span.upto, PAGE):
            for row in await tx.all(page, after=after, upto=min(after + PAGE, span.upto)):
                noted = len(following.problems)
                digest = recompute(row)
                if digest != row.digest:
                    following.problems.append("what it says is not what was committed")
                assert row.seq is not None
                following.follow(called(row), row.id, digest, seq=row.seq, chained=row.chained, previous=row.previous)
                broken += [Broken(called(row), problem) for problem in following.problems[noted:]]
        if following.head.seq < span.upto:
            gone = f"the rows of the seals from {following.head.seq + 1} to {span.upto} are gone"
            broken.append(Broken(chain.seal_table, gone))
        return Found.of(broken)

    async def stays(tx: Tx, span: Span) -> Found:
        kept = read_head(span.kept)
        if kept.seq == 0 or await tx.maybe(chain.link, seq=kept.seq) == kept.digest:
            return Found()
        what = f"seal {kept.seq} was seen and is not in the chain: its end was cut off or it was made anew"
        return Found.of([Broken(chain.seal_table, what)])

    async def head(tx: Tx, _: Span) -> str:
        return written_head(await tx.maybe(chain.head) or Head(0, GENESIS))

    async def astray(tx: Tx, _: Span) -> Found:
        rows = await tx.all(chain.astray)
        what = "is neither sealed nor waits for it, or is both"
        return Found.of([Broken(f"{chain.rows}:{row_id}", what) for row_id in rows])

    return (
        Check(
            f"I19-{name}",
            f"{ko}: 모든 기록이 봉인된 그대로이고 사슬에 빠진 고리가 없다",
            f"{name}: every row is as it was sealed, and no link of the chain is missing",
            walk,
            growth_of(chain),
        ),
        Check(
            f"I20-{name}",
            f"{ko}: 한 번 확인한 사슬의 끝은 계속 사슬 안에 있다",
            f"{name}: a head that was seen stays in the chain",
            stays,
            keep=head,
        ),
        Check(
            f"I27-{name}",
            f"{ko}: 확정된 기록은 1분 안에 봉인된다",
            f"{name}: what is committed is sealed within a minute",
            Sql(
                f"""
                SELECT '{chain.rows}:' || r.id, 'has waited to be sealed since ' || r.{chain.written_at}
                  FROM {chain.unsealed} u JOIN {chain.rows} r ON r.id = u.id
                 WHERE r.{chain.written_at} < :now::timestamptz - interval '1 minute'
                """
            ),
        ),
        Check(
            f"I31-{name}",
            f"{ko}: 모든 기록은 봉인되었거나 봉인을 기다린다",
            f"{name}: every row is sealed or waits for it",
            astray,
            nightly=True,
        ),
    )


def written_head(head: Head) -> str:
    """`<seq>:<digest in hex>`."""
    return f"{head.seq}:{head.digest.hex()}"


def read_head(text: str | None) -> Head:
    """The same, read; the beginning of every chain for None."""
    if text is None:
        return Head(0, GENESIS)
    seq, _, digest = text.partition(":")
    return Head(int(seq), bytes.fromhex(digest))
