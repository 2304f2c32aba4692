"""The console's channels: those payments came through, and what the merchant says of each."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import ADMIN_ROLES, Roles, Scoped
from jangbu.errors import Refusal
from jangbu.payments.channels.rules import KEY_LONGEST, NAME_LONGEST, NOTE_LONGEST, Channel, Description, Standing, day
from jangbu.payments.channels.service import describe, every_channel
from jangbu.payments.methods import TYPES
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.texts import Catalogue

CHANNELS = "/console/channels"
_TONES: dict[Standing, str] = {
    "described": "good", "unused": "neutral", "seen_only": "waiting", "ended": "waiting", "differs": "bad",
    "other_mode": "bad",
}  # fmt: skip
_FIELDS = ("key", "name", "pg", "type", "from", "until", "note")
_KINDS = tuple(kind.value for kind in TYPES)


@dataclass(frozen=True, slots=True)
class Row:
    """One channel."""

    channel: Channel
    standing: Standing
    tone: str


@dataclass(frozen=True, slots=True)
class ChannelsPage:
    """All that templates/channels.html may use. `form_action` is empty for whoever may only look."""

    rows: tuple[Row, ...]
    form_action: str
    kinds: tuple[str, ...] = _KINDS
    key_longest: int = KEY_LONGEST
    name_longest: int = NAME_LONGEST
    note_longest: int = NOTE_LONGEST
    problem: str = ""


def routes(run: Runtime) -> APIRouter:
    """`/console/channels`."""
    router = APIRouter(include_in_schema=False)

    @router.get(CHANNELS)
    async def channels(request: Request, caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> Response:
        return await _page(request, caller)

    @router.post(CHANNELS)
    async def describe_channel(request: Request, caller: Annotated[Caller, guard(Roles(*ADMIN_ROLES))]) -> Response:
        async with request.form(max_files=0, max_fields=len(_FIELDS) + len(_KINDS)) as form:
            given = {name: str(form.get(name, "")).strip() for name in _FIELDS}
            methods = tuple(str(each) for each in form.getlist("method"))
        try:
            said = Description(
                key=given["key"],
                name=given["name"],
                pg_provider=given["pg"],
                is_live=given["type"] == "LIVE",
                methods=methods,
                contract_from=day(given["from"], "contractFrom"),
                contract_until=day(given["until"], "contractUntil"),
                settlement_note=given["note"],
            )
            await describe(said, actor=caller.actor, run=run)
        except Refusal as refusal:
            return await _page(request, caller, refusal)
        return RedirectResponse(CHANNELS, 303)

    async def _page(request: Request, caller: Caller, refusal: Refusal | None = None) -> Response:
        rows = tuple(Row(one, said, _TONES[said]) for one, said in await every_channel(run=run))
        shown = ChannelsPage(
            rows=rows,
            form_action=CHANNELS if caller.role in ADMIN_ROLES else "",
            problem="" if refusal is None else refusal.sentence(rendering.words(request).language),
        )
        return rendering.page(request, "channels.html", shown, status=200 if refusal is None else refusal.http_status)

    return router


TEXTS: Catalogue = {
    "nav.channels": ("결제 채널", "Channels"),
    "channels.title": ("결제 채널", "Channels"),
    "channels.name": ("이름", "Name"),
    "channels.pg": ("PG사", "PG"),
    "channels.type": ("구분", "Type"),
    "channels.live": ("실연동", "Live"),
    "channels.test": ("테스트", "Test"),
    "channels.methods": ("결제 수단", "Methods"),
    "channels.contract": ("계약 기간", "Contract"),
    "channels.from": ("계약 시작", "Contract from"),
    "channels.until": ("계약 종료", "Contract until"),
    "channels.note": ("정산 메모", "Settlement note"),
    "channels.key": ("채널 키", "Channel key"),
    "channels.state": ("상태", "State"),
    "channels.describe": ("채널 설명 저장", "Save the description"),
    "channels.describe.title": ("채널 설명하기", "Describe a channel"),
    "channels.describe.explained": (
        "포트원 콘솔의 채널 키를 그대로 붙여 넣으세요. 이미 있는 키이면 설명을 바꿉니다.",
        "Paste the channel key from the PortOne console. For a key that is there, the description is replaced.",
    ),
    "channels.empty": ("아직 결제 채널이 없습니다", "No channels yet"),
    "channels.empty.explained": (
        "첫 결제가 완료되면 그 채널이 여기에 나타납니다.",
        "The channel of the first payment appears here.",
    ),
    "channels.is.described": ("사용 중", "In use"),
    "channels.is.unused": ("결제 없음", "No payment yet"),
    "channels.is.seen_only": ("결제에서 발견, 설명 없음", "Seen, not described"),
    "channels.is.differs": ("설명과 결제가 다름", "Not as described"),
    "channels.is.other_mode": ("이 모드의 채널이 아님", "Not of this mode"),
    "channels.is.ended": ("계약 종료", "Contract over"),
}
"""What this page says."""
