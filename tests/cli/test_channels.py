"""`jangbu channels`: described and listed from a terminal."""

from cli.tools import Jangbu


async def test_a_channel_is_described_and_listed(jangbu: Jangbu) -> None:
    said = ("channels", "describe", "channel-key-1", "--name", "카드", "--pg", "TOSSPAYMENTS", "--method", "CARD")
    await jangbu(*said, "--contract-until", "2027-12-31", "--note", "D+2")
    (one,) = (await jangbu("channels", "list", "--json")).json
    assert (one["key"], one["state"], one["live"], one["methods"]) == ("channel-key-1", "unused", False, ["CARD"])
    assert (one["contract_until"], one["settlement_note"]) == ("2027-12-31", "D+2")
    assert "no payment yet" in (await jangbu("channels", "list")).out
    wrong = await jangbu("channels", "describe", "channel-key-1", "--name", "카드", "--pg", "토스")
    assert wrong.code == 1 and "[CHANNEL_UNFIT]" in wrong.err
