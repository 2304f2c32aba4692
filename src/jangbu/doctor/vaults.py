"""The vault: is there a key of one's own, and is everything under it."""

from jangbu import installation, keeping
from jangbu.doctor.findings import Finding, bad, good, look
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.wiring import ENCRYPTED

NAME = "secrets key"
CONTENTS = "encrypted values"


def keys(settings: Settings) -> Finding:
    """What secrets and personal data are encrypted with."""
    if settings.has_published_key:
        sentence = "Secrets and personal data in the database are encrypted with the sandbox's published key."
        if settings.mode == "sandbox":
            return good(NAME, f"{sentence} For practice that will do.")
        todo = "Set JANGBU_SECRETS_KEYS (jangbu secrets new-key makes a key), then run jangbu secrets rotate."
        return look(NAME, f"{sentence} Live mode refuses it.", todo)
    first = settings.vault.first
    return good(NAME, f"The key {first} encrypts. Keep a copy of it apart from the backups: they do not hold it.")


async def contents(run: Runtime) -> Finding:
    """Whether everything opens, and lies under the first key."""
    vault = run.settings.vault
    async with run.db.transaction(snapshot=True) as tx:
        states = await keeping.states(tx, ENCRYPTED)
        keeps_plain = await installation.keeps_plain(tx)
    counts: dict[str, int] = {}
    for state in states:
        for key_id, count in state.by_key.items():
            counts[key_id] = counts.get(key_id, 0) + count
    unknown = sorted(set(counts) - {*vault.key_ids, keeping.PLAIN})
    if unknown:
        lost = sum(counts[key_id] for key_id in unknown)
        return bad(
            CONTENTS,
            f"{lost} are encrypted with keys that JANGBU_SECRETS_KEYS does not have: {', '.join(unknown)}.",
            "Add these keys behind the first one. Without them the values cannot be read by anybody.",
        )
    if keeps_plain:
        return look(
            CONTENTS,
            "Secrets or buyers' details lie in the database plain as well, for programs of the release before.",
            "When none of those runs any more: jangbu secrets rotate --previous-release-gone.",
        )
    if not all(state.is_under(vault.first) for state in states):
        return look(CONTENTS, f"Some are not under the key {vault.first} yet.", "Run jangbu secrets rotate.")
    return good(CONTENTS, f"{sum(counts.values())}, all under the key {vault.first}.")
