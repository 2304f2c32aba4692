"""What a PG wants of an order's name and of who buys (portone-facts §10.3, §10.4). PortOne passes on what it is given;
it is the PG's window that refuses, and its payer who reads why.
"""

import re

NAME_BYTES = {
    "INICIS": 40, "INICIS_V2": 40, "HTML5_INICIS": 40, "WELCOME": 40, "NICE": 40, "NICE_V2": 40, "SMARTRO": 40,
    "SMARTRO_V2": 40, "KSNET": 50, "KCP": 100, "KCP_V2": 100, "KPN": 256,
}  # fmt: skip
"""Those that count bytes. Which encoding they count in is not written everywhere: what fits in UTF-8 fits in EUC-KR."""
NAME_BYTES_ANYWHERE = min(NAME_BYTES.values())
_INICIS = ("fullName", "phoneNumber", "email")
BUYER_NEEDS = {"INICIS": _INICIS, "INICIS_V2": _INICIS, "HTML5_INICIS": _INICIS, "WELCOME": _INICIS,
               "KSNET": ("fullName",)}  # fmt: skip
"""What a window cannot be opened without, in the words of PortOne's browser SDK."""
CUT = "..."
_AND_MORE = re.compile(r"(?: 외 \d+건)?$")


def name_for(pg: str | None, name: str) -> str:
    """The order's name as the PG takes it: cut, where it is too long, before what says how many more things there are.

    `pg` None: which PG it is nobody knows before the first payment, so the name fits all of them.
    """
    most = NAME_BYTES_ANYWHERE if pg is None else NAME_BYTES.get(pg)
    if most is None or _bytes(name) <= most:
        return name
    more = _AND_MORE.search(name)
    assert more is not None, "it also matches nothing"
    tail = CUT + more[0]
    room = max(most - _bytes(tail), 0)
    begin = name[: more.start()].encode()[:room].decode(errors="ignore").rstrip()
    return begin + tail


def buyer_needs(pg: str | None) -> tuple[str, ...]:
    """The fields of the buyer that the PG's window needs; none of a PG that nobody knows yet."""
    return BUYER_NEEDS.get(pg or "", ())


def _bytes(text: str) -> int:
    return len(text.encode())
