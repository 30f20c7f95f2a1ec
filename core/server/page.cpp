#include "server/page.hpp"

namespace cuecard::server {

namespace {

// Names, rows and answers may hold anything, so they only ever become text nodes.
constexpr const char* page = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cuecard</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
  fieldset { border: 1px solid #8888; border-radius: 4px; margin: 0 0 1rem; max-height: 12rem; overflow: auto; }
  fieldset label { display: inline-block; margin-right: 1.2rem; }
  textarea, input[type=password] { box-sizing: border-box; width: 100%; font: inherit; padding: .4rem; }
  textarea { min-height: 7rem; }
  button { font: inherit; padding: .4rem 1.2rem; margin: 1rem 0; }
  .answers { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-top: 1px solid #8888; padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
  meter { width: 5rem; }
  small { display: block; opacity: .75; white-space: nowrap; }
  [role=alert] { color: #c00; }
</style>
<h1>Cuecard</h1>
<form>
  <p id="key" hidden><label>API key <input type="password" autocomplete="off"></label></p>
  <fieldset><legend>Cards</legend></fieldset>
  <label for="rows">Rows, one a line; a line of JSON for a card with several fields</label>
  <textarea id="rows" required></textarea>
  <button>Predict</button>
</form>
<p role="alert"></p>
<div class="answers"></div>
<script>
"use strict";
const find = (selector) => document.querySelector(selector);
const key = find("#key input");

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children); // texts become text nodes
  return made;
}

async function ask(path, body) {
  const headers = key.value ? { Authorization: "Bearer " + key.value } : {};
  const response = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  const answer = await response.json();
  if (response.status === 401) find("#key").hidden = false;
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

async function showCards() {
  const { cards } = await ask("/v1/cards");
  const fieldset = find("fieldset");
  fieldset.replaceChildren(fieldset.firstElementChild);
  for (const [index, card] of cards.entries()) {
    const box = Object.assign(element("input"), { type: "checkbox", value: card.name, checked: index === 0 });
    box.card = card;
    fieldset.append(element("label", box, " " + card.name));
  }
  if (!cards.length) fieldset.append("No card is served yet.");
}

function rowOf(line, card) {
  if (line.startsWith("{")) return { ...JSON.parse(line), card: card.name };
  if (card.fields.length !== 1) throw new Error(`The card "${card.name}" has the fields ${card.fields.join(", ")}: write a line of JSON.`);
  return { [card.fields[0]]: line, card: card.name };
}

function cellOf(answer) {
  if (answer.error) return element("td", element("em", answer.error));
  if (answer.text !== undefined) return element("td", answer.text);
  if (answer.labels) return element("td", answer.labels.map((label) => label ?? "?").join(" "));
  const scores = Object.entries(answer.scores).sort((a, b) => b[1] - a[1]);
  const cell = element("td", element("strong", answer.label ?? "?"));
  for (const [label, score] of scores)
    cell.append(element("small", Object.assign(element("meter"), { value: score ?? 0 }), ` ${(score ?? NaN).toFixed(3)} ${label}`));
  return cell;
}

async function predict() {
  const cards = [...document.querySelectorAll("fieldset input:checked")].map((box) => box.card);
  const lines = find("#rows").value.split("\n").filter((line) => line.trim());
  if (!cards.length) throw new Error("Choose a card.");
  const { answers } = await ask("/v1/predict", { rows: lines.flatMap((line) => cards.map((card) => rowOf(line, card))) });
  const body = element("tbody");
  for (const [index, line] of lines.entries())
    body.append(element("tr", element("td", line), ...answers.slice(index * cards.length, (index + 1) * cards.length).map(cellOf)));
  const head = element("tr", element("th", "Row"), ...cards.map((card) => element("th", card.name)));
  find(".answers").replaceChildren(element("table", element("thead", head), body));
}

async function attempt(action) {
  find("[role=alert]").textContent = "";
  try {
    await action();
  } catch (error) {
    find("[role=alert]").textContent = error.message;
  }
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(predict);
});
key.addEventListener("change", () => attempt(showCards));
attempt(showCards);
</script>
</html>
)html";

constexpr const char* policy =
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

} // namespace

Reply page_reply() {
  return {200,
          page,
          "text/html; charset=utf-8",
          {{"Content-Security-Policy", policy}, {"Referrer-Policy", "no-referrer"}}};
}

} // namespace cuecard::server
