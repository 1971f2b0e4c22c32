// The table of services: a body for each group, a row for each service, updated in place; its filter, and the arrow keys.
import { rank } from "./answer.js";
import { attribute, byId, el, keyed, text } from "./dom.js";
import { story } from "./runs.js";
import { clock, due, ends, plural, span } from "./words.js";

const ORDER = { trouble: 0, moving: 1, asked: 2, good: 3 };
export const STATES = [["", "State"], ["trouble", "needs a look"], ["moving", "on its way"], ["asked", "stopped, held or suspended"], ["good", "well"]];

const UNDER = { trial: "on trial under patch", applied: "patched by", back: "goes back from patch", stuck: "could not go back from patch" };

/** States of a job of which its last run and its next say all that there is to say. */
const TOLD_BY_RUNS = new Set(["running", "scheduled", "suspended", "failed"]);

/** Why it is as it is, and what it waits for until when. */
export function reasonOf(service, now) {
  const waiting = service.waiting[0];
  return ends(
    service.job && TOLD_BY_RUNS.has(service.state) ? story(service.job, now) : service.reason || waiting?.text,
    service.root && `root cause: ${service.root}`,
    waiting?.until ? `${waiting.code}, ${due(waiting.until, now)}` : "",
    alsoOf(service, now),
  );
}

/** What operators and patches have made of it, and what is being done to it. */
export function alsoOf(service, now) {
  return ends(
    service.hold && `held by ${service.hold.owner}${service.hold.reason ? `: ${service.hold.reason}` : ""}${service.hold.until === null ? "" : `, until ${clock(service.hold.until, now)}`}`,
    service.scaled !== null && `scaled to ${service.scaled} by an operator`,
    service.patched && `${UNDER[service.patched.under] ?? service.patched.under} ${service.patched.patch}`,
    ...service.in_flight.slice(0, 1).map((a) => (a.progress ? `${a.verb}: ${a.progress}` : "")),
  );
}

export function matches(service, filter) {
  if (filter.group && service.group !== filter.group) return false;
  if (filter.tenant && service.tenant !== filter.tenant) return false;
  if (filter.state && filter.state !== rank(service.state) && filter.state !== service.state) return false;
  if (!filter.q) return true;
  const all = `${service.name} ${service.state} ${service.group} ${service.tenant} ${service.image} ${service.reason}`.toLowerCase();
  return filter.q.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

export function showServices(status, now, filter, opened, openService) {
  const groups = status.groups
    .map((group) => ({ ...group, services: group.services.filter((s) => matches(s, filter)).sort(byNeed) }))
    .filter((group) => group.services.length);
  keyed(byId("services"), groups, (g) => g.name, makeGroup, (body, group) => {
    const row = body.firstChild;
    text(row.firstChild.firstChild, group.name);
    text(row.firstChild.lastChild, group.desired ? `${group.ready}/${group.desired}` : "");
    const rows = [{ head: true }, ...group.services];
    keyed(body, rows, (s) => (s.head ? " " : s.name), (s) => (s.head ? row : makeRow(s, openService)),
      (node, s) => s.head || updateRow(node, s, now, opened));
  });
  rove();
  const shown = groups.reduce((sum, g) => sum + g.services.length, 0);
  const total = status.groups.reduce((sum, g) => sum + g.services.length, 0);
  const filtered = Boolean(filter.q || filter.state || filter.group || filter.tenant);
  text(byId("filter-count"), filtered ? `${shown} of ${plural(total, "service")}` : "");
  byId("filter-clear").hidden = !filtered;
  byId("services-none").hidden = shown > 0;
  text(byId("services-none"), total ? "No service is like that." : "There are no services.");
}

const byNeed = (a, b) => ORDER[rank(a.state)] - ORDER[rank(b.state)] || (a.name < b.name ? -1 : 1);

function makeGroup(group) {
  return el("tbody", { role: "rowgroup", "data-group": group.name },
    el("tr", { role: "row", class: "group" },
      el("th", { scope: "rowgroup", role: "rowheader", colspan: 6 }, el("span"), el("span", { class: "dim number" }))));
}

function makeRow(service, openService) {
  const open = el("button", { type: "button", class: "name", tabindex: -1, onclick: () => openService(service.name) });
  const cell = (label, more = "") => el("td", { role: "cell", class: more, "data-label": label });
  const row = el("tr", { role: "row", "data-service": service.name },
    el("th", { scope: "row", role: "rowheader" }, open, el("span", { class: "tenant dim" })),
    el("td", { role: "cell", class: "state" }, el("span", { class: "mark", "aria-hidden": "true" }), el("span")),
    cell("ready", "number"), cell("age", "number"), cell("restarts", "number"), cell("reason", "why"));
  row.addEventListener("click", (event) => event.target.closest("button") || String(getSelection()) || openService(service.name));
  return row;
}

function updateRow(row, service, now, opened) {
  const [head, state, ready, age, restarts, why] = row.children;
  text(head.firstChild, service.name);
  text(head.lastChild, service.tenant);
  attribute(row, "data-rank", rank(service.state));
  attribute(row, "data-state", service.state);
  attribute(head.firstChild, "aria-expanded", service.name === opened);
  row.classList.toggle("opened", service.name === opened);
  text(state.lastChild, service.state);
  text(ready, service.job && !service.desired ? "" : `${service.ready}/${service.desired}`);
  ready.classList.toggle("short", service.ready < service.desired);
  text(age, service.since === null ? "-" : span(now - service.since));
  text(restarts, service.restarts ? String(service.restarts) : "");
  text(why, reasonOf(service, now));
}

// The keyboard: the table is one stop of Tab; arrows go from row to row.

const names = () => [...byId("services").querySelectorAll("button.name")];

function rove(to = null) {
  const all = names();
  const one = to ?? all.find((b) => b.tabIndex === 0) ?? all[0];
  for (const button of all) attribute(button, "tabindex", button === one ? 0 : -1);
}

export function step(by) {
  const all = names();
  const at = all.indexOf(document.activeElement);
  const current = at < 0 ? all.findIndex((b) => b.tabIndex === 0) - (at < 0 && by > 0 ? 1 : 0) : at;
  const to = all[Math.min(Math.max(current + by, 0), all.length - 1)];
  if (!to) return;
  rove(to);
  to.focus();
  to.closest("tr").scrollIntoView({ block: "nearest" });
}

export function focusService(name) {
  const button = names().find((b) => b.textContent === name);
  if (!button) return byId("filter-text").focus();
  rove(button);
  button.focus();
}

export function arrows(event) {
  if (!event.target.closest?.("#services")) return false;
  const all = names();
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -all.length, End: all.length };
  if (!(event.key in moves)) return false;
  event.preventDefault();
  step(moves[event.key]);
  return true;
}

byId("services").addEventListener("focusin", (event) => event.target.matches("button.name") && rove(event.target));
