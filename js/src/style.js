// How the element looks: the tokens and shapes of Jangbu's own page. A constructed sheet needs no inline styles, so the
// strictest policy of a shop's page lets it be.

const DARK = `
  color-scheme: dark;
  --paper: #121418; --surface: #1c1f25; --ink: #e9ebef; --muted: #a3aab5; --line: #343942;
  --accent: var(--jangbu-accent, #9cbcf7); --on-accent: var(--jangbu-on-accent, #0d1a33); --accent-soft: #22304b;
  --good: #6bd3a2; --good-soft: #16332a; --bad: #ff9d94; --bad-soft: #40201f; --waiting: #f3c26b;
  --waiting-soft: #3a2d13; --shade: 0 1px 2px #0006, 0 8px 28px #0005;
`;

const CSS = `
:host {
  color-scheme: light;
  --paper: #f4f5f7; --surface: #ffffff; --ink: #1b1d22; --muted: #5c636e; --line: #dfe2e7;
  --accent: var(--jangbu-accent, #2257bf); --on-accent: var(--jangbu-on-accent, #ffffff); --accent-soft: #e8effc;
  --good: #12704a; --good-soft: #e2f4ea; --bad: #b3251e; --bad-soft: #fdecea; --waiting: #7d4d00;
  --waiting-soft: #fdf1da; --shade: 0 1px 2px #1b1d2214, 0 8px 28px #1b1d2212;
  display: block; max-width: 480px; text-align: start; color: var(--ink);
  font: 16px/1.55 "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", system-ui, sans-serif;
  font-variant-numeric: tabular-nums; letter-spacing: normal; word-break: keep-all; overflow-wrap: anywhere;
}
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
:host([theme="dark"]) { ${DARK} }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; }
.card { background: var(--surface); border-radius: 20px; padding: 24px 20px; box-shadow: var(--shade); display: grid; gap: 18px; }
h2 { font-size: 22px; line-height: 1.3; letter-spacing: -.01em; }
h2:focus { outline: 0; }
.mode { padding: 6px 12px; border-radius: 10px; text-align: center; font-size: 13px; color: #2b1c00; background: #ffd76b; }
.lines { list-style: none; padding: 0; display: grid; gap: 6px; }
.lines li, .total { display: flex; gap: 8px; align-items: baseline; }
.sum, .total strong { margin-left: auto; white-space: nowrap; }
.total { border-top: 1px solid var(--line); padding-top: 12px; }
.total strong { font-size: 22px; }
.muted { color: var(--muted); white-space: nowrap; }
.small { font-size: 13px; white-space: normal; }
form { display: grid; gap: 16px; }
.buyer .field { margin-top: 12px; }
.buyer .why, .buyer.needed .optional { display: none; }
.buyer.needed .why { display: block; margin: 0; }
fieldset { border: 0; padding: 0; display: grid; gap: 8px; min-width: 0; }
legend { padding: 0; font-size: 14px; font-weight: 600; margin-bottom: 8px; }
.method { display: flex; gap: 12px; align-items: center; min-height: 52px; padding: 0 16px; border: 1px solid var(--line); border-radius: 14px; cursor: pointer; }
.method:has(:checked) { border-color: var(--accent); background: var(--accent-soft); }
.method input { width: 20px; height: 20px; margin: 0; accent-color: var(--accent); flex: none; }
:focus-visible, .method:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
.method input:focus-visible { outline: 0; }
summary { cursor: pointer; padding: 8px 0; font-size: 14px; font-weight: 600; }
.field { display: grid; gap: 4px; font-size: 14px; }
.field input { font: inherit; color: inherit; min-height: 48px; padding: 0 14px; border: 1px solid var(--muted); border-radius: 12px; background: var(--surface); min-width: 0; }
.receipt, .receipt .field { display: none; }
form:has([value="TRANSFER"]:checked, [value="VIRTUAL_ACCOUNT"]:checked) .receipt { display: grid; }
.receipt:has([value="PERSONAL"]:checked) .PERSONAL, .receipt:has([value="CORPORATE"]:checked) .CORPORATE { display: grid; }
button { font: inherit; font-weight: 600; min-height: 54px; padding: 0 20px; border: 0; border-radius: 16px; cursor: pointer; background: var(--accent); color: var(--on-accent); }
button:hover:not([aria-disabled="true"]) { filter: brightness(1.08); }
button[aria-disabled="true"] { background: var(--line); color: var(--muted); cursor: default; }
button.plain { background: none; color: var(--accent); min-height: 48px; }
button.copy { background: none; color: var(--accent); min-height: 40px; padding: 0 14px; border: 1px solid var(--line); border-radius: 12px; font-size: 14px; }
.says { padding: 12px 16px; border-radius: 14px; background: var(--accent-soft); font-size: 15px; }
.says.bad { background: var(--bad-soft); color: var(--bad); }
.says.waiting { background: var(--waiting-soft); color: var(--waiting); }
.says span { display: block; }
.said:empty { margin-top: -18px; }
form .said:empty { margin-top: -16px; }
.card.ghosts { min-height: 640px; align-content: start; }
.ghost { border-radius: 14px; background: var(--paper); height: 52px; }
.ghost.order { height: 84px; }
h2.centre, .lead { text-align: center; }
.lead { color: var(--muted); }
.sign { width: 64px; height: 64px; border-radius: 50%; margin: 4px auto 0; display: grid; place-items: center; font-size: 30px; line-height: 1; background: var(--accent-soft); color: var(--accent); }
.sign::before { content: "…"; }
.sign.good { background: var(--good-soft); color: var(--good); }
.sign.good::before { content: "✓"; }
.sign.bad { background: var(--bad-soft); color: var(--bad); }
.sign.bad::before { content: "!"; }
.sign.waiting { background: var(--waiting-soft); color: var(--waiting); }
dl { display: grid; gap: 2px; border-radius: 14px; background: var(--paper); padding: 8px 16px; }
dl div { display: flex; flex-wrap: wrap; gap: 2px 12px; align-items: center; min-height: 44px; }
dt { color: var(--muted); font-size: 14px; }
dd { margin-left: auto; font-weight: 600; display: flex; align-items: center; gap: 10px; }
.number { user-select: all; -webkit-user-select: all; }
@media (min-width: 560px) { .card { padding: 32px; } }
@media (prefers-reduced-motion: no-preference) { button, .method { transition: background-color .15s, border-color .15s, filter .15s; } }
`;

/** @type {CSSStyleSheet | null} */
let sheet = null;

/** One for all elements of a page. */
export function styles() {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
