"""A shop whose page imports PortOne's npm package for browsers, the address of PortOne's script changed to ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from contract import node
from jangbu.sandbox import CARD_CHANNEL
from jangbu.sandbox.app import running
from sandbox.browsing import Shop

MANUAL_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000101"
"""The card channel, as the console would have it for a shop whose server confirms."""

PAGE = """<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>찻집</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
{script}<script type="module" src="/shop.js"></script></head>
<body><h1>찻집</h1><div class="portone-ui-container"></div><button id="pay">결제</button><pre id="result"></pre></body>
</html>"""

SCRIPT = """
import PortOne, * as sdk from "/npm/browser-sdk.js";
{address}
const {{ call, params }} = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{{}}");
const show = (value) => {{ document.querySelector("#result").textContent = JSON.stringify(value); }};
const isClass = (each) => typeof each === "function" && each.prototype;
const failure = (error) => ({{
  thrown: {{ ...error, message: error.message }},
  is: Object.entries(sdk.errors).filter(([, each]) => isClass(each) && error instanceof each).map(([name]) => name),
}});
const what = call?.startsWith("load") ? call.slice("load".length, -"UI".length) : null;
const callbacks = what && {{
  [`on${{what}}Success`]: (returned) => show({{ returned }}),
  [`on${{what}}Fail`]: (error) => show({{ by: `on${{what}}Fail`, ...failure(error) }}),
}};
window.update = (changed) => PortOne[`updateLoad${{what}}UIRequest`](changed).then(() => null, failure);
document.querySelector("#pay").addEventListener("click", () => {{
  const asked = what ? PortOne[call](params, callbacks) : PortOne[call](params);
  asked.then((returned) => {{ if (!what) show({{ returned }}); }}, (thrown) => show(failure(thrown)));
}});
"""


@asynccontextmanager
async def open_npm_shop(*, has_script_tag: bool = False) -> AsyncIterator[Shop]:
    """`has_script_tag`: nothing is told to the package, but the page has loaded PortOne's script from the sandbox."""
    package = node.packages() / "node_modules" / "@portone" / "browser-sdk" / "dist" / "v2.js"
    async with running(seed=1) as (base, parts):
        channels = parts.world.state.channels
        channels[MANUAL_CHANNEL] = msgspec.structs.replace(
            channels[CARD_CHANNEL], key=MANUAL_CHANNEL, approves_manually=True
        )
        opened = Shop(base, parts, {"/npm/browser-sdk.js": package})
        url = f"{base}/v2/browser-sdk.js"
        opened.page = PAGE.replace("{script}", f'<script src="{url}"></script>' if has_script_tag else "")
        opened.script = SCRIPT.format(address="" if has_script_tag else f'sdk.__INTERNAL__setPortOneSdkUrl("{url}");')
        async with opened.open():
            yield opened
