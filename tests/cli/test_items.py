"""`jangbu items`: on sale, changed, counted."""

from cli.tools import Jangbu


async def test_an_item_is_added_changed_and_listed(jangbu: Jangbu) -> None:
    added = await jangbu(
        "items", "add", "보리차", "--english", "Barley tea", "--price", "5,500", "--stock", "10", "--json"
    )
    assert added.code == 0, added.err
    item = added.json
    assert (item["price"], item["stock"], item["reserved"], item["is_active"]) == (5_500, 10, 0, True)
    changed = await jangbu("items", "change", item["id"], "--price", "6000", "--stock=-3", "--off-sale")
    assert changed.code == 0, changed.err
    assert "₩6,000  7 in stock, 0 being paid for, not on sale" in changed.out
    (listed,) = (await jangbu("items", "list", "--json")).json
    assert (listed["id"], listed["price"], listed["stock"], listed["is_active"]) == (item["id"], 6_000, 7, False)
    assert "보리차" in (await jangbu("items", "list")).out


async def test_what_cannot_be_is_refused_in_one_sentence(jangbu: Jangbu) -> None:
    for arguments, code in (
        (("add", "차", "--price", "0"), "AMOUNT_OUT_OF_RANGE"),
        (("add", "차", "--price", "a lot"), "AMOUNT_UNREADABLE"),
        (("change", "nothing"), "ITEM_NOT_FOUND"),
        (("change", "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44", "--stock", "1"), "ITEM_NOT_FOUND"),
    ):
        ran = await jangbu("items", *arguments)
        assert ran.code == 1
        assert code in ran.err
