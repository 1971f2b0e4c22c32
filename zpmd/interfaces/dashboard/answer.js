// The headline: is all as wanted, and if not, what is it. One sentence each for the states of a status.
import { attribute, byId, el, keyed, text } from "./dom.js";
import { story } from "./runs.js";
import { clock, ends, listed, plural, span } from "./words.js";

export const TROUBLE = new Set(["crash-loop", "failed", "blocked", "rolled-back", "paused", "unhealthy"]);
export const GOOD = new Set(["running", "completed", "scheduled"]);
/** Neither well nor in trouble, and nothing that zpmd would change by itself. */
export const ASKED = new Set(["stopped", "held", "suspended"]);

/** trouble, moving, asked or good: how much a state wants to be seen. */
export function rank(state) {
  if (TROUBLE.has(state) || state === "unknown") return "trouble";
  if (GOOD.has(state)) return "good";
  return ASKED.has(state) ? "asked" : "moving";
}

export const servicesOf = (status) => status.groups.flatMap((group) => group.services);

export function headline(status) {
  const all = servicesOf(status);
  const failed = status.patches.filter((patch) => patch.attention === "failed");
  const engine = status.degraded.find((d) => d.what === "engine");
  if (engine) return { tone: "bad", text: "The engine does not answer: nothing is known of any container, nothing is changed" };
  if (status.state === "down") return { tone: "notice", text: "Everything is down, as an operator asked" };
  const parts = [];
  if (status.troubled.length) {
    const verb = status.troubled.length === 1 ? "needs" : "need";
    parts.push(`${plural(status.troubled.length, "service")} ${verb} a look: ${listed(status.troubled)}`);
  }
  if (failed.length) parts.push(`${failed.length === 1 ? "a patch" : `${failed.length} patches`} could not be rolled back`);
  if (status.held_removals.length) parts.push(`the removal of ${plural(status.held_removals.length, "service")} waits for an approval`);
  if (parts.length) return { tone: "bad", text: sentence(parts.join("; ")) };
  if (status.degraded.length) return { tone: "bad", text: `zpmd does not see everything: ${listed(status.degraded.map((d) => d.name))}` };
  const moving = all.filter((s) => rank(s.state) === "moving");
  if (moving.length) {
    return { tone: "notice", text: `${plural(moving.length, "service is", "services are")} on ${moving.length === 1 ? "its" : "their"} way: ${listed(moving.map((s) => s.name))}` };
  }
  if (!all.length) return { tone: "notice", text: "There are no services" };
  return { tone: "good", text: all.length === 1 ? "The one service is as wanted" : `All ${all.length} services are as wanted` };
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function showAnswer(status, now, openService, allTrouble) {
  const { tone, text: said } = headline(status);
  text(byId("headline"), said);
  attribute(byId("answer"), "data-tone", tone);
  document.title = tone === "good" ? "zpmd: as wanted" : `${tone === "bad" ? "(!) " : ""}${said} - zpmd`;
  const all = servicesOf(status);
  const lasting = all.filter((s) => !s.job);
  const ready = lasting.reduce((sum, s) => sum + Math.min(s.ready, s.desired), 0);
  const desired = lasting.reduce((sum, s) => sum + s.desired, 0);
  const jobs = all.length - lasting.length;
  const by = (state) => all.filter((s) => s.state === state).length;
  const also = [["stopped", "stopped by an operator"], ["held", "held"], ["suspended", "suspended"], ["completed", "completed"]]
    .filter(([state]) => by(state))
    .map(([state, words]) => `${by(state)} ${words}`);
  text(byId("counts"), [plural(lasting.length, "service"), ...(jobs ? [plural(jobs, "job")] : []), `${ready} of ${plural(desired, "replica")} ready`, ...also,
    `zpmd up ${span(now - status.started_at)}`].join(" · "));
  showDegraded(status, now);
  showAttention(status, now, openService, allTrouble);
}

function showDegraded(status, now) {
  const since = (d) => (d.since === null ? "" : ` since ${clock(d.since, now)} (${span(now - d.since)})`);
  keyed(byId("degraded"), status.degraded, (d) => `${d.what} ${d.name}`,
    () => el("li", {}, el("strong"), el("span", { class: "dim" }), el("span"), el("ul")),
    (node, d) => {
      const [name, when, why, problems] = node.children;
      text(name, d.name);
      text(when, since(d));
      text(why, `: ${d.text}`);
      keyed(problems, d.problems, (p) => p, () => el("li", { class: "code" }), text);
    });
}

const ATTENTION_SHOWN = 8;

function showAttention(status, now, openService, allTrouble) {
  const troubled = servicesOf(status).filter((s) => TROUBLE.has(s.state)).map((s) => ({
    key: s.name, name: s.name, service: s.name, what: s.state, why: s.job ? story(s.job, now) : ends(s.reason || s.waiting[0]?.text),
  }));
  const failed = status.patches.filter((p) => p.attention === "failed").map((p) => ({
    key: `patch:${p.number}`, name: `patch ${p.id || p.name}`, what: "could not be rolled back", why: p.reason,
  }));
  const removals = status.held_removals.length ? [{
    key: "removals", name: listed(status.held_removals), what: "removal held back",
    why: "`zpmctl approve` if it is meant; if not, put the files or the rows back",
  }] : [];
  const conflicts = status.conflicts.map((c) => ({ key: `c ${c.subject}`, name: c.subject, what: "conflict", why: c.text }));
  const holds = status.holds.filter((h) => h.service === "*").map((h) => ({
    key: "everything", name: "everything", what: `held by ${h.owner}`,
    why: ends(h.reason, h.until === null ? "until it is released" : `until ${clock(h.until, now)}`),
  }));
  const more = troubled.splice(troubled.length > ATTENTION_SHOWN ? ATTENTION_SHOWN - 1 : ATTENTION_SHOWN);
  const rest = more.length ? [{ key: "more", name: `${more.length} more`, open: allTrouble, what: "", why: listed(more.map((m) => m.name)) }] : [];
  keyed(byId("attention"), [...failed, ...removals, ...troubled, ...rest, ...conflicts, ...holds], (a) => a.key,
    (a) => el("li", {}, a.service || a.open ? el("button", { type: "button", class: "link", onclick: a.open ?? (() => openService(a.service)) }) : el("strong"),
      el("span", { class: "state" }), el("span", { class: "why" })),
    (node, a) => {
      const [name, what, why] = node.children;
      text(name, a.name);
      text(what, a.what);
      text(why, a.why);
    });
}
