"""`jangbu payments import` in a terminal: problems by line, sums, exit codes."""

from pathlib import Path

from cli.tools import Jangbu

HEAD = "paymentId,orderName,amount,currency,createdAt,paidAt\n"
GOOD = "old-1,보리차,11000,KRW,2024-03-01 10:00:00,2024-03-01 10:01:00\n"


async def test_import_looks_first_then_writes_once(jangbu: Jangbu, folder: Path) -> None:
    (folder / "p.csv").write_text(HEAD + GOOD, "utf-8")
    looked = await jangbu("payments", "import", "p.csv", "--dry-run")
    assert looked.code == 0 and "1 payments would be new: ₩11,000 taken, ₩0 given back" in looked.out
    first, second = [(await jangbu("payments", "import", "p.csv", "--commit", "--json")).json for _ in range(2)]
    assert (first["new"], first["known"], second["new"], second["known"]) == (1, 0, 0, 1)
    verified = await jangbu("books", "verify")
    assert verified.code == 0


async def test_import_names_the_line_and_refuses(jangbu: Jangbu, folder: Path) -> None:
    (folder / "p.csv").write_text(HEAD + GOOD + GOOD.replace("old-1", "old-2").replace("11000", "1.5"), "utf-8")
    looked = await jangbu("payments", "import", "p.csv", "--dry-run")
    assert looked.code == 1 and "payments, line 3, amount: '1.5' is no whole number of minor units" in looked.out
    refused = await jangbu("payments", "import", "p.csv", "--commit")
    assert refused.code == 1 and "IMPORT_REFUSED" in refused.err
    neither = await jangbu("payments", "import", "p.csv")
    assert neither.code == 2
