"""Every account of the chart has a name that an accountant knows, once."""

from jangbu.ledger.account_names import NAMES
from jangbu.ledger.rules import PATHS


def test_every_account_has_its_own_name_in_both_languages_and_no_other_has_one() -> None:
    assert set(NAMES) == PATHS
    for column in (0, 1):
        names = [both[column] for both in NAMES.values()]
        assert len(set(names)) == len(names)
        assert all(name.strip() for name in names)
