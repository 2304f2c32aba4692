"""The settings: which mode, which names they came by, and what a name that two systems share means here (X1)."""

import difflib
from urllib.parse import urlsplit

from jangbu import mode_guard
from jangbu.doctor.findings import Finding, bad, good, look, unchecked
from jangbu.failpoints import ENVIRONMENT_VARIABLE
from jangbu.mode_guard import LOOPBACK
from jangbu.settings import Settings
from jangbu.setup import ENV, SOURCE_NAMES, names_in, names_of_settings

MODES = {
    "sandbox": "the local PortOne; no real money moves",
    "test": "PortOne's test channels; no real money moves",
    "live": "real money moves",
}
OURS = ("JANGBU_", "PORTONE_")
NO_SETTINGS = {ENVIRONMENT_VARIABLE}
"""Read by the tests' programs, not by an operator's."""


def findings(settings: Settings) -> list[Finding]:
    """What the settings say, before anything is tried."""
    given = names_in(ENV)
    found = [good("settings", f"{settings.mode} mode: {MODES[settings.mode]}. {_came_by(given)}"), _portone_keys(given)]
    found.append(_mode(settings))
    found += _misspelt(given)
    unused = [name for name in SOURCE_NAMES if name in given and name not in _known()]
    if unused:
        found.append(unchecked("unused names", f"Set, and not used by this release: {', '.join(unused)}."))
    found.append(_origins(settings))
    return found


def _mode(settings: Settings) -> Finding:
    """What may not stand together was refused before this; here is what is left to say of the mode."""
    if missing := mode_guard.not_ready(settings.said):
        return bad("mode", ". ".join(missing) + ".", "Until then `jangbu serve` and `jangbu worker` do not start.")
    if settings.mode == "sandbox" and settings.public_url and not mode_guard.is_here(settings.public_url):
        return look(
            "mode",
            f"This is the sandbox, for practice, and people reach it at {settings.url}: no payment there is real.",
            "For a shop, set JANGBU_MODE=live; every page says SANDBOX until then.",
        )
    return good(
        "mode", f"Nothing contradicts {settings.mode} mode: {len(mode_guard.RULES)} rules hold, no sample secret."
    )


def _known() -> set[str]:
    return {name for names in names_of_settings().values() for name in names}


def _came_by(given: set[str]) -> str:
    used = []
    for names in names_of_settings().values():
        name = next((name for name in names if name in given), None)
        if name is not None:
            used.append(name if name == names[0] else f"{name} (read as {names[0]})")
    return f"Set: {', '.join(used)}." if used else "Nothing is set, so every value is its default."


def _portone_keys(given: set[str]) -> Finding:
    name = "PortOne's keys"
    if "PORTONE_V2_API_SECRET" in given:
        also = " PORTONE_API_SECRET is left to V1." if "PORTONE_API_SECRET" in given else ""
        said = f"V2's secret is PORTONE_V2_API_SECRET.{also}"
    elif "PORTONE_API_SECRET" in given and given & {"PORTONE_API_KEY", "PORTONE_V1_API_KEY"}:
        return bad(
            name,
            "PORTONE_API_SECRET belongs to V1, because PORTONE_API_KEY is set; so V2 has no secret.",
            "Give the V2 secret its own name, PORTONE_V2_API_SECRET.",
        )
    elif "PORTONE_API_SECRET" in given:
        said = "V2's secret is PORTONE_API_SECRET (V1's it would be if PORTONE_API_KEY were set)."
    else:
        said = "None is set: the sandbox's own secret is used."
    if given & {"PORTONE_API_KEY", "PORTONE_V1_API_KEY"}:
        return good(name, f"{said} V1 is used as well.")
    if given & {"PORTONE_BASE_URL", "PORTONE_V1_BASE_URL"}:
        return look(
            name,
            f"{said} PORTONE_BASE_URL is V1's address and is not used: there is no key for V1.",
            "V2's address is PORTONE_V2_BASE_URL.",
        )
    return good(name, said)


def _misspelt(given: set[str]) -> list[Finding]:
    known = _known() | set(SOURCE_NAMES) | NO_SETTINGS
    strange = sorted(name for name in given if name.startswith(OURS) and name not in known)
    found = []
    for name in strange:
        close = difflib.get_close_matches(name, known, n=1)
        todo = f"Did you mean {close[0]}?" if close else "Remove it; .env.example lists every setting."
        found.append(look("unknown name", f"{name} is set, and no setting has that name: it does nothing.", todo))
    return found


def _origins(settings: Settings) -> Finding:
    name = "browser origins"
    wrong = [origin for origin in settings.origins if not _is_origin(origin)]
    if wrong:
        return bad(
            name,
            f"ALLOWED_ORIGINS holds what no browser ever sends as an origin: {', '.join(wrong)}.",
            "Write scheme, name and port only, such as https://shop.example.com: no path, no slash at the end, no *.",
        )
    if settings.mode == "live" and any(urlsplit(origin).hostname in LOOPBACK for origin in settings.origins):
        return look(
            name,
            f"In live mode, pages of {', '.join(settings.origins)} may call the API.",
            "Set ALLOWED_ORIGINS to your shop's own address.",
        )
    return good(name, f"Pages of {', '.join(settings.origins) or 'no other site'} may call the API.")


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
