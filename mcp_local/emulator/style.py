"""How the pages look: dark and light, no resource from outside."""

from __future__ import annotations

CSS = """
:root { color-scheme: light dark; --page: #eef1f6; --card: #fff; --text: #1b1f27;
  --soft: #5b6472; --line: #d8dde6; --accent: #0b57c2; --on-accent: #fff; --hover: #f1f5fb;
  --chip: #e5edf9; --chip-text: #123f82; --bad: #a8201a; --note: #fff6dc; --note-line: #e2c568; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12151b; --card: #1c2129; --text: #eceff4; --soft: #a3adbb; --line: #343c49;
    --accent: #7cb0ff; --on-accent: #0c1320; --hover: #262d38; --chip: #24344f;
    --chip-text: #c4dafc; --bad: #ff9c94; --note: #2d2814; --note-line: #6d5d24; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center;
  gap: 1rem; padding: 6vh 1rem 2rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 27rem; padding: 2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 8px 30px rgb(0 0 0 / 9%); }
.tenant { margin: 0 0 1rem; color: var(--soft); font-size: .9rem; font-weight: 600; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: .25rem 0 1rem; }
p.lead, small, .who { color: var(--soft); }
ul { list-style: none; margin: 0 0 1rem; padding: 0; }
ul.accounts { max-height: 22.5rem; overflow-y: auto; border: 1px solid var(--line);
  border-radius: 10px; }
ul.accounts li + li { border-top: 1px solid var(--line); }
button, input { font: inherit; color: inherit; }
button.account, .row-account { display: flex; align-items: center; gap: .85rem; width: 100%;
  padding: .6rem .85rem; border: 0; background: none; text-align: left; cursor: pointer; }
button.account:hover { background: var(--hover); }
.avatar { flex: none; display: grid; place-items: center; width: 2.4rem; height: 2.4rem;
  border-radius: 50%; background: var(--chip); color: var(--chip-text); font-weight: 600;
  font-size: .9rem; }
.names { flex: 1; min-width: 0; }
.names b, .names small { display: block; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-weight: 600; }
.names small { font-weight: 400; }
.chip { flex: none; padding: .05rem .55rem; border-radius: 1rem; background: var(--chip);
  color: var(--chip-text); font-size: .8rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; border-radius: 8px; }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
input { width: 100%; padding: .55rem .7rem; background: var(--page);
  border: 1px solid var(--soft); border-radius: 8px; }
input.code { font-size: 1.35rem; letter-spacing: .25em; text-transform: uppercase; }
.row { display: flex; gap: .75rem; justify-content: flex-end; margin-top: 1.25rem; }
.row button, .field button { padding: .5rem 1.25rem; border: 1px solid var(--soft);
  border-radius: 8px; background: none; cursor: pointer; }
.row button:hover, .field button:hover { background: var(--hover); }
.row button.main { border-color: var(--accent); background: var(--accent);
  color: var(--on-accent); font-weight: 600; }
.row button.main:hover { filter: brightness(1.08); }
.row :focus-visible, .field :focus-visible { outline-offset: 2px; }
.field { display: flex; gap: .5rem; }
summary { cursor: pointer; color: var(--accent); margin-bottom: .5rem; }
ul.scopes li { padding: .4rem 0; border-bottom: 1px solid var(--line); }
.bad { margin-top: .75rem; color: var(--bad); }
.note { margin: 1rem 0; padding: .6rem .85rem; border: 1px solid var(--note-line);
  border-radius: 8px; background: var(--note); font-size: .9rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .15rem .75rem; margin: 1rem 0 0;
  color: var(--soft); font-size: .8rem; }
code { overflow-wrap: anywhere; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
footer { max-width: 27rem; color: var(--soft); font-size: .85rem; text-align: center; }
@media (max-width: 30rem) { main { padding: 1.25rem; } }
"""

ARROWS = """
const accounts = [...document.querySelectorAll("button.account")];
document.addEventListener("keydown", (event) => {
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (!step || !accounts.length || event.target.tagName === "INPUT") return;
  const next = accounts.indexOf(document.activeElement) + step;
  accounts[(next + accounts.length) % accounts.length].focus();
  event.preventDefault();
});
"""
"""Arrow keys walk through the accounts; Tab and Enter work without it."""

SUBMIT = "document.forms[0].submit();"
