"""Files that are made when they are asked for: a few at a time, sent whole, gone afterwards."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from jangbu.clock import SEOUL, Clock
from jangbu.errors import Unavailable
from jangbu.sheets import MEDIA_TYPES, Format

AT_ONCE_MAX = 2
"""Each takes a database connection and half a core for as long as it is made."""
FILE_ANSWER = {200: {"description": "The file.", "content": {media_type: {} for media_type in MEDIA_TYPES.values()}}}
"""What the API's description says of a route that gives a file."""
_at_work: set[object] = set()


class ExportsBusy(Unavailable):
    """Others are having files made. Nothing was begun."""

    code = "EXPORTS_BUSY"
    ko = "다른 파일을 만드는 중입니다. 잠시 후 다시 시도해 주세요."
    en = "Other files are being made. Please try again shortly."

    retry_after_s = 20


async def made(name: str, kind: Format, make: Callable[[Path], Awaitable[int]], *, clock: Clock) -> FileResponse:
    """What `make` writes, as a download. Raises ExportsBusy."""
    async with _place():
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="jangbu-export-"))
        path = folder / f"file.{kind}"
        try:
            await make(path)
        except BaseException:
            _drop(folder)
            raise
    stamp = clock.now().astimezone(SEOUL).strftime("%Y%m%d-%H%M%S")
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[kind],
        filename=f"jangbu-{name}-{stamp}.{kind}",
        background=BackgroundTask(_drop, folder),
    )


@asynccontextmanager
async def _place() -> AsyncIterator[None]:
    if len(_at_work) >= AT_ONCE_MAX:
        raise ExportsBusy
    place = object()
    _at_work.add(place)
    try:
        yield
    finally:
        _at_work.remove(place)


def _drop(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
