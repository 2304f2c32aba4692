"""Reads a script of faults and orders: YAML, taken as a whole or refused with the line of everything that is wrong.

Only nodes are read from the YAML, never values: so each problem has its line, `on` stays a word where YAML 1.1 would
make it `true`, and no tag can make anything.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import msgspec
import yaml

from jangbu.sandbox.control_billing import KEY_ORDERS
from jangbu.sandbox.core import declines
from jangbu.sandbox.core.faults import KINDS, Fault
from jangbu.sandbox.core.problems import LONGEST_S, NotOurs
from jangbu.sandbox.core.script_records import Step
from jangbu.sandbox.orders import ORDERS

BYTES_MAX = 1_000_000
DECLINING = ("refuse", "settle-payment")
"""Orders whose `reason` is a decline's name; that of others is the merchant's own words."""
FAULT_FIELDS = {"payment": "payment_id", "times": "times", "seconds": "seconds", "acts": "acts", "reason": "reason"}
"""What a step may say of a fault, and the field of `Fault` it becomes. `on` is its operation."""
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DELAY = re.compile(r"\+((?:\d{1,6}[dhms])+)")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a script."""

    line: int
    reason: str


class BadScript(NotOurs):
    """The script is refused as a whole."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"line {problem.line}: {problem.reason}" for problem in problems))
        self.problems = problems


def read(raw: bytes, operations: Collection[str]) -> list[Step]:
    """The steps of a script. Refuses one with any mistake as BadScript, naming all of them."""
    root = _composed(raw)
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        line = 1 if root is None else _line(root)
        raise BadScript([Problem(line, "a script is a list of steps: `- fault: …` or `- order: …`")])
    steps: list[Step] = []
    problems: list[Problem] = []
    for node in root.value:
        step = _Reader(node, operations)
        made = step.step()
        problems += step.problems
        if made is not None:
            steps.append(made)
    if problems:
        raise BadScript(sorted(problems, key=lambda problem: problem.line))
    return steps


def _composed(raw: bytes) -> yaml.Node | None:
    if len(raw) > BYTES_MAX:
        raise BadScript([Problem(1, f"a script has at most {BYTES_MAX} bytes")])
    try:
        node: yaml.Node | None = yaml.compose(raw.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as broken:
        raise BadScript([Problem(raw.count(b"\n", 0, broken.start) + 1, "this is not UTF-8")]) from None
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        reason = ", ".join(part for part in (broken.problem, broken.context) if part)
        raise BadScript([Problem(mark.line + 1 if mark else 1, f"this is not YAML: {reason}")]) from None
    except yaml.YAMLError as broken:
        raise BadScript([Problem(1, f"this is not YAML: {' '.join(str(broken).split())}")]) from None
    except RecursionError:
        raise BadScript([Problem(1, "this is nested too deeply")]) from None
    return node


class _Reader:
    """Reads one step, and goes on after a mistake: all of them are told at once."""

    def __init__(self, node: yaml.Node, operations: Collection[str]) -> None:
        self._node = node
        self._operations = operations
        self._pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        self.problems: list[Problem] = []

    def step(self) -> Step | None:
        """The step, or None and `problems`."""
        if not isinstance(self._node, yaml.MappingNode):
            self._wrong(self._node, "a step is written `fault: …` or `order: …`, with its fields below")
            return None
        for key, value in self._node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name in self._pairs:
                self._wrong(key, f"{name!r} is there twice")
            self._pairs[name] = (key, value)
        kinds = [name for name in ("fault", "order") if name in self._pairs]
        if len(kinds) != 1:
            hint = _meant(next(iter(self._pairs), ""), ("fault", "order"))
            self._wrong(self._node, f"a step has either `fault` or `order`{hint}")
            return None
        made = self._fault() if kinds == ["fault"] else self._order()
        return None if self.problems else made

    def _fault(self) -> Step:
        name = self._one_of("fault", KINDS)
        self._refuse_others(("fault", "on", "at", *FAULT_FIELDS))
        types = {field.name: field.type for field in msgspec.structs.fields(Fault)}
        given = {field: self._typed(key, types[field]) for key, field in FAULT_FIELDS.items() if key in self._pairs}
        on = self._one_of("on", self._operations) if "on" in self._pairs else None
        if "reason" in self._pairs:
            self._one_of("reason", declines.REASONS)
        step = Step(_line(self._node), "fault", name, on=on, **self._times())
        if not self.problems:
            step.fault = Fault(name, operation=on, **given)
            step.about = step.fault.payment_id
            self._judge(step.fault)
        return step

    def _judge(self, fault: Fault) -> None:
        try:
            fault.refuse_nonsense()
        except NotOurs as problem:
            self._wrong(self._node, str(problem))

    def _order(self) -> Step:
        is_key = "key" in self._pairs
        known: Mapping[str, tuple[type[Any], Any]] = KEY_ORDERS if is_key else ORDERS
        name = self._one_of("order", known)
        about = self._typed("key" if is_key else "payment", str) if is_key or "payment" in self._pairs else None
        on = self._one_of("on", self._operations) if "on" in self._pairs else None
        if about is None and on is None:
            self._wrong(self._node, "an order says whose it is: `payment: …`, `key: …`, or `on: …`")
        step = Step(_line(self._node), "key_order" if is_key else "order", name, about=about, on=on, **self._times())
        if name in known:
            step.fields = self._fields_of(known[name][0], ("order", "on", "at", "key" if is_key else "payment"))
            if name in DECLINING and isinstance(step.fields.get("reason"), str):
                self._one_of("reason", declines.REASONS)
        return step

    def _fields_of(self, shape: type[Any], own: tuple[str, ...]) -> dict[str, Any]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
        self._refuse_others((*own, *fields))
        for name, field in fields.items():
            if field.required and name not in self._pairs:
                self._wrong(self._node, f"{name!r} is missing")
        return {name: self._typed(name, field.type) for name, field in fields.items() if name in self._pairs}

    def _times(self) -> dict[str, Any]:
        if "at" not in self._pairs:
            return {}
        node = self._pairs["at"][1]
        said = node.value if isinstance(node, yaml.ScalarNode) else ""
        if delay := DELAY.fullmatch(said):
            parts = re.findall(r"(\d+)([dhms])", delay[1])
            after_s = float(sum(int(number) * UNITS_S[unit] for number, unit in parts))
            if after_s > LONGEST_S:
                self._wrong(node, f"{said!r} is more than a century")
            return {"after_s": after_s}
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self._wrong(node, f"{said!r} is no time: write +10m, +1h30m, or a time like 2026-08-01T12:00:00+09:00")
            return {}
        return {"at": at}

    def _one_of(self, key: str, known: Collection[str]) -> str:
        """The word at `key`, which must be one of `known`."""
        word = self._typed(key, str)
        if isinstance(word, str) and word not in known:
            what = {"on": "operation or webhook type"}.get(key, key)
            self._wrong(self._pairs[key][1], f"no {what} {word!r}{_meant(word, known) or _all_of(known)}")
        return word if isinstance(word, str) else ""

    def _typed(self, key: str, type_: Any) -> Any:
        node = self._pairs[key][1]
        try:
            return _value(node, type_)
        except msgspec.ValidationError as wrong:
            self._wrong(node, f"{key!r}: {wrong}")
            return None

    def _refuse_others(self, known: tuple[str, ...]) -> None:
        for name, (key, _) in self._pairs.items():
            if name not in known:
                self._wrong(key, f"{name!r} is not known here{_meant(name, known) or _all_of(known)}")

    def _wrong(self, node: yaml.Node, reason: str) -> None:
        self.problems.append(Problem(_line(node), reason))


def _value(node: yaml.Node, type_: Any) -> Any:
    """A plain scalar as `type_`: a number, true, false or null where that fits, else the text itself."""
    if not isinstance(node, yaml.ScalarNode):
        raise msgspec.ValidationError("one value, not a list or more fields")
    text: str = node.value
    candidates: list[Any] = [text]
    if node.style is None:
        plain = WORDS[text] if text in WORDS else _number(text)
        candidates = [plain, text] if text else [plain]
    problems = []
    for candidate in candidates:
        try:
            return msgspec.convert(candidate, type_)
        except msgspec.ValidationError as unfit:
            problems.append(unfit)
    raise problems[0]


def _number(text: str) -> int | float | str:
    if re.fullmatch(r"[-+]?\d{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[-+]?\d{1,18}\.\d{1,9}", text) else text


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _meant(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _all_of(known: Collection[str]) -> str:
    return f"; known: {', '.join(known)}"
