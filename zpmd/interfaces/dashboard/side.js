// What stands beside the services: under way, waiting, patches, jobs, tenants, events. What is empty is not shown.
import { servicesOf } from "./answer.js";
import { attribute, byId, el, keyed, text } from "./dom.js";
import { lastRun } from "./runs.js";
import { clock, due, ends, named, plural, span } from "./words.js";

const SETTLED = new Set(["stopped", "held"]);
const EVENTS_SHOWN = 80;

const shown = (id, some) => (byId(id).closest("section").hidden = !some);

export function showSide(model, now, openService, filterTenant) {
  const { status } = model;
  showFlight(status, now, openService);
  showWaiting(status, now, openService);
  showPatches(status, model.stories, now);
  showJobs(status, now, openService);
  showTenants(model.tenants, filterTenant);
  showEvents(model.entries, now, openService);
}

/** A line that opens the service of `subject`, where it is one. */
const line = (openService, ...classes) => () => {
  const node = el("li", {}, el("button", { type: "button", class: "link" }), ...classes.map((c) => el("span", { class: c })));
  node.firstChild.addEventListener("click", () => openService(node.dataset.service));
  return node;
};

function subject(node, name, service) {
  text(node.firstChild, named(name));
  attribute(node, "data-service", service);
  attribute(node.firstChild, "disabled", service ? null : "");
}

function showFlight(status, now, openService) {
  const all = [...status.in_flight, ...servicesOf(status).flatMap((s) => s.in_flight.map((a) => ({ ...a, service: s.name })))];
  const unique = [...new Map(all.map((a) => [`${a.subject} ${a.verb}`, { ...all.find((b) => b.service && b.subject === a.subject), ...a }])).values()];
  shown("flight", unique.length);
  keyed(byId("flight"), unique, (a) => `${a.subject} ${a.verb}`, line(openService, "state", "dim", "why"), (node, a) => {
    subject(node, a.subject, serviceOf(status, a.subject));
    text(node.children[1], a.verb);
    text(node.children[2], `for ${span(now - a.since)}`);
    text(node.children[3], a.progress);
  });
}

function serviceOf(status, name) {
  const at = name.lastIndexOf("/");
  const base = at > 0 ? name.slice(0, at) : name;
  return servicesOf(status).some((s) => s.name === base) ? base : "";
}

function showWaiting(status, now, openService) {
  const of = servicesOf(status).flatMap((s) => s.waiting.map((w) => ({ ...w, service: s.name, root: s.root })));
  const all = [...status.waiting.filter((w) => !w.subject.startsWith("patch:")), ...of].filter((w) => !SETTLED.has(w.code));
  shown("waiting", all.length);
  keyed(byId("waiting"), all, (w) => `${w.subject} ${w.code}`, line(openService, "state", "dim", "why", "root"), (node, w) => {
    subject(node, w.subject, w.service);
    text(node.children[1], w.code);
    text(node.children[2], w.until === null ? "" : due(w.until, now));
    text(node.children[3], w.text);
    text(node.children[4], w.root ? `root cause: ${w.root}` : "");
  });
}

const ATTENTION = { failed: "bad", "under-way": "moving", lately: "notice" };

function showPatches(status, stories, now) {
  shown("patches", status.patches.length);
  keyed(byId("patches"), status.patches, (p) => p.number,
    () => el("li", {}, el("strong"), el("span", { class: "state" }), el("span", { class: "dim" }), el("progress", { hidden: true }),
      el("span", { class: "why" }), el("ul", { class: "steps" })),
    (node, p) => {
      const [name, state, when, progress, why, steps] = node.children;
      attribute(node, "data-tone", ATTENTION[p.attention] ?? "");
      text(name, p.id || p.name);
      text(state, p.state);
      text(when, p.since === null ? "" : `since ${clock(p.since, now)} (${span(now - p.since)})`);
      const story = p.attention === "under-way" ? stories.get(p.id) : null;
      const moved = story?.steps.filter((s) => s.state === (p.state === "reverting" ? "back" : "moved")).length ?? 0;
      const total = story?.steps.length ?? 0;
      progress.hidden = !total;
      attribute(progress, "max", total || 1);
      attribute(progress, "value", moved);
      attribute(progress, "aria-label", `${moved} of ${plural(total, "service")}`);
      text(why, ends(total && `${moved} of ${plural(total, "service")}`, p.culprit && `because of ${p.culprit}`, p.reason,
        p.waits && `waits: ${p.waits}`, p.until && due(p.until, now), p.asked && `asked by ${p.asked}`));
      keyed(steps, (story?.steps ?? []).filter((s) => s.state !== "waiting"), (s) => s.service, () => el("li", {}, el("span"), el("span", { class: "dim" })),
        (item, s) => {
          text(item.firstChild, s.service);
          text(item.lastChild, ends(`${s.state}${s.seconds === null ? "" : ` ${span(s.seconds)}`}`, s.text));
        });
    });
}

function showJobs(status, now, openService) {
  const once = (s) => s.state === "completed" || (s.state === "failed" && s.replicas.some((r) => r.phase === "exited"));
  const all = servicesOf(status).filter((s) => s.job || once(s));
  shown("jobs", all.length);
  keyed(byId("jobs"), all, (s) => s.name, line(openService, "state", "dim", "why"), (node, s) => {
    subject(node, s.name, s.name);
    attribute(node, "data-tone", s.state === "failed" ? "bad" : "");
    text(node.children[1], s.state);
    const [when, why] = s.job ? scheduled(s, now) : ranOnce(s, now);
    text(node.children[2], when);
    text(node.children[3], why);
  });
}

/** When a job runs next, and how it went last. */
function scheduled({ job, state, reason }, now) {
  const next = job.next_at === null ? "" : `next in ${due(job.next_at, now)}`;
  const waits = ["waiting", "backoff", "held", "stopped"].includes(state) ? reason : "";
  return [next, ends(job.suspended_by && `suspended by ${job.suspended_by}`, job.last ? `last run ${lastRun(job, now)}` : "no run yet", waits)];
}

function ranOnce(s, now) {
  const last = [...s.replicas].sort((a, b) => (b.finished_at ?? 0) - (a.finished_at ?? 0))[0];
  const took = last?.finished_at && last.started_at ? `took ${span(last.finished_at - last.started_at)}` : "";
  const when = last?.finished_at ? `${clock(last.finished_at, now)} (${span(now - last.finished_at)} ago)` : "";
  return [when, ends(took, last?.exit_code ? `exit code ${last.exit_code}` : "", s.reason)];
}

function showTenants(tenants, filterTenant) {
  shown("tenants", tenants.length);
  const table = byId("tenants");
  const body = table.tBodies[0] ?? table.createTBody();
  body.setAttribute("role", "rowgroup");
  const bad = (t) => Boolean(t.unknown || t.troubles || (t.active && t.ready < t.active) || /fail|error|down/i.test(t.connection_status));
  const sorted = [...tenants].sort((a, b) => bad(b) - bad(a) || (a.tenantcode < b.tenantcode ? -1 : 1));
  keyed(body, sorted, (t) => t.tenantcode,
    (t) => el("tr", { role: "row" },
      el("th", { scope: "row", role: "rowheader" }, el("button", { type: "button", class: "link", onclick: () => filterTenant(t.tenantcode) }), el("span", { class: "dim" })),
      el("td", { role: "cell" }), el("td", { role: "cell", class: "number" }), el("td", { role: "cell", class: "why" })),
    (row, t) => {
      const [head, connection, ready, remarks] = row.children;
      attribute(row, "data-tone", bad(t) ? "notice" : "");
      text(head.firstChild, t.tenantcode);
      text(head.lastChild, t.name === t.tenantcode ? "" : t.name);
      text(connection, t.connection_status || "not probed");
      text(ready, `${t.ready}/${t.active}`);
      text(remarks, ends(t.status === "active" ? "" : t.status, t.unknown, t.troubles ? plural(t.troubles, "row") + " not used as they stand" : ""));
    });
}

export function outcome(entry) {
  const took = entry.seconds ? ` ${entry.seconds.toFixed(1)} s` : "";
  if (entry.result === null) return entry.kind === "action" ? "under way" : "";
  if (entry.result === "ok") return `ok${took}`;
  if (entry.result === "unknown") return `answer lost${took}`;
  return `failed${took}: ${entry.detail}`;
}

export function entryText(entry) {
  const who = entry.actor === "zpmd" || !entry.actor ? "" : `${entry.actor}: `;
  const run = named(entry.subject) !== entry.subject;
  const attempt = run ? entry.attempt > 1 && ` (try ${entry.attempt})` : entry.attempt && ` (restart ${entry.attempt})`;
  return `${who}${entry.text}${attempt || ""}`;
}

export const entryNode = () => el("li", {}, el("time"), el("span", { class: "verb" }), el("span", { class: "subject" }), el("span", { class: "outcome" }), el("span", { class: "why" }));

export function updateEntry(node, entry, now) {
  const [at, verb, about, result, why] = node.children;
  text(at, clock(entry.at, now));
  attribute(at, "datetime", new Date(entry.at * 1000).toISOString());
  text(verb, entry.verb);
  text(about, named(entry.subject));
  text(result, outcome(entry));
  attribute(node, "data-result", entry.result ?? "open");
  text(why, entryText(entry));
}

function showEvents(entries, now, openService) {
  const newest = [...entries.values()].sort((a, b) => b.id - a.id).slice(0, EVENTS_SHOWN);
  shown("events", newest.length);
  keyed(byId("events"), newest, (e) => e.id, () => {
    const node = entryNode();
    node.addEventListener("click", () => node.dataset.service && openService(node.dataset.service));
    return node;
  }, (node, e) => {
    updateEntry(node, e, now);
    attribute(node, "data-service", e.service);
  });
}
