"""What must hold of outgoing events: each has its place in the feed, in order, and reached everybody who wanted it."""

from collections import Counter, defaultdict

from jangbu import events
from jangbu.db import Database
from jangbu.simulator import store
from jangbu.simulator.merchant import Merchant


async def problems_of_feed(merchant: Merchant, *, db: Database) -> list[str]:
    """Once everything was sent and read: nothing is missing, nothing is out of order (reliability F70, I15)."""
    public = [kind.name for kind in events.declared() if kind.is_public]
    async with db.transaction(snapshot=True) as tx:
        happened = await tx.all(store.FED, public=public)
        wanted = await tx.all(store.SUBSCRIPTIONS)
    feed = {one.seq: one for one in happened if one.seq is not None}
    problems = [f"event {one.id} ({one.type}) has no place in the feed" for one in happened if one.seq is None]
    if sorted(feed) != list(range(1, len(feed) + 1)):
        problems.append(f"the feed has {len(feed)} events, and its numbers are {sorted(feed)}")
    by_subject: defaultdict[str, list[int]] = defaultdict(list)
    for one in happened:
        by_subject[one.subject].append(one.seq or 0)
    problems += [f"{subject} is in the feed as {seqs}" for subject, seqs in by_subject.items() if seqs != sorted(seqs)]
    read = Counter(event_id for _, event_id in merchant.read)
    problems += [f"the reader of the feed never saw event {one.id}" for one in happened if not read[one.id]]
    problems += [f"the reader of the feed saw event {name} {times} times" for name, times in read.items() if times > 1]
    for endpoint in wanted:
        got = merchant.systems[endpoint.url].got
        problems += [
            f"{endpoint.url} never received {one.id} ({one.type}), number {seq}"
            for seq, one in sorted(feed.items())
            if seq > endpoint.since and (not endpoint.types or one.type in endpoint.types) and one.id not in got
        ]
        if endpoint.state != "enabled":
            problems.append(f"{endpoint.url} is {endpoint.state}")
    return problems
