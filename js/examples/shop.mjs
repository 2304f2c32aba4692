// A shop's backend, as small as it can be: it alone has the API key, and hands its pages nothing but a session's id.
//
//   JANGBU_URL=http://127.0.0.1:8080 JANGBU_KEY=jbk_… ITEM_ID=… node examples/shop.mjs examples/plain
//
// The key needs the scope checkout:create, and ALLOWED_ORIGINS of Jangbu this shop's origin (http://localhost:3000).
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const EXAMPLE_URL = "http://127.0.0.1:8080";
const { JANGBU_URL = EXAMPLE_URL, JANGBU_KEY, ITEM_ID, PORT = "3000" } = process.env;
const PORTONE = process.env.PORTONE_ORIGINS ?? "https://*.portone.io https://*.iamport.co";
const pages = process.argv[2] ?? fileURLToPath(new URL("plain", import.meta.url));
const element = fileURLToPath(new URL("../dist/jangbu-checkout.js", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css" };
// What a careful page needs for the checkout, and nothing inline.
const POLICY = [
  "default-src 'none'",
  `script-src 'self' ${PORTONE}`,
  "style-src 'self'",
  `connect-src 'self' ${JANGBU_URL} ${PORTONE}`,
  `frame-src ${PORTONE}`,
  `img-src 'self' data: ${PORTONE}`,
].join("; ");

async function order(response) {
  // The order's own id goes here in a real shop: the same order gives the same session, however often it is asked.
  const lines = [{ itemId: ITEM_ID, quantity: 1 }];
  const answer = await fetch(`${JANGBU_URL}/api/v1/payments/sessions`, {
    method: "POST",
    headers: { authorization: `Bearer ${JANGBU_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ lines }),
  });
  const { data, error } = await answer.json();
  const told = data ? { session: data.sessionId } : { error: error.message };
  response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(told));
}

async function file(path, response) {
  const wanted = path === "/" ? "/index.html" : path;
  const found = wanted === "/jangbu-checkout.js" ? element : join(pages, normalize(wanted));
  const read = await readFile(found).catch(() => null);
  // Where Jangbu is comes from the shop alone: an address that took it from a link would load anybody's script.
  const content = extname(found) === ".html" && read ? read.toString().replaceAll(EXAMPLE_URL, JANGBU_URL) : read;
  const headers = { "content-type": TYPES[extname(found)] ?? "text/plain", "content-security-policy": POLICY };
  response.writeHead(content === null ? 404 : 200, headers).end(content ?? "not found");
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://shop");
  const isOrder = request.method === "POST" && pathname === "/orders";
  (isOrder ? order(response) : file(pathname, response)).catch((problem) => {
    console.error(problem);
    response.writeHead(502).end();
  });
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`http://localhost:${server.address().port}`));
