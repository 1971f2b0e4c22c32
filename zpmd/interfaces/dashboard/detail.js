// One service, opened: how it stands, why, what can be asked of it, its replicas, the evidence, and its last log lines.
import { rank, servicesOf } from "./answer.js";
import { Problem, ask, lines, open, service as path } from "./api.js";
import { byId, el, keyed, replaced, text } from "./dom.js";
import { History, lastRun } from "./runs.js";
import { alsoOf } from "./services.js";
import { entryNode, updateEntry } from "./side.js";
import { TITLES, perform, verbsFor } from "./verbs.js";
import { clock, due, ends, listed, named, plural, span } from "./words.js";

const TAIL = 200;
const HAPPENINGS = 6;
const AGAIN_MS = 2000;

/** `openService("")` closes it; `learn(status)` is called with a status that was seen on the way. */
export class Detail {
  constructor(openService, learn) {
    this.openService = openService;
    this.root = byId("detail");
    this.learn = learn;
    this.name = "";
  }

  show(name) {
    if (this.name === name) return;
    this.abort?.abort();
    this.abort = new AbortController();
    this.name = name;
    this.root.hidden = false;
    this.build();
    this.title.focus();
    this.mark = this.containers = this.history = undefined;
    this.story();
  }

  hide() {
    this.abort?.abort();
    this.name = "";
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  build() {
    const part = (label, ...children) => el("section", { "aria-label": label }, ...children);
    this.title = el("h2", { id: "detail-title", tabindex: "-1" }, this.name);
    this.state = el("span", { class: "state" }, el("span", { class: "mark", "aria-hidden": "true" }), el("span"));
    this.answer = el("p", { class: "answer-line" });
    this.handling = el("p", { class: "handling" });
    this.buttons = el("div", { class: "buttons verbs" });
    this.facts = el("dl", { class: "facts" });
    this.runs = el("div");
    this.body = el("div");
    this.log = el("pre", { class: "log", tabindex: "0", role: "region", "aria-label": `Log of ${this.name}` });
    this.logNote = el("span", { class: "dim", role: "status" });
    const again = el("button", { type: "button", onclick: () => this.readLogs() }, "Read again");
    this.root.replaceChildren(
      el("header", {}, this.title, this.state, el("span", { class: "space" }),
        el("button", { type: "button", onclick: () => this.openService(""), "aria-keyshortcuts": "Escape" }, "Close")),
      part("How it stands", this.answer, this.handling, this.buttons, this.facts),
      this.runs,
      this.body,
      part("Last log lines", el("div", { class: "tools" }, el("h3", {}, "Last log lines"), this.logNote, again), this.log),
    );
  }

  /** The service as the newest status has it. */
  update(status, now) {
    if (!this.name) return;
    const found = servicesOf(status).find((s) => s.name === this.name);
    this.root.dataset.rank = found ? rank(found.state) : "";
    text(this.state.lastChild, found ? found.state : "not declared");
    const verbs = found ? verbsFor(found) : [];
    this.service = found;
    replaced(this.buttons, verbs.join(), () => verbs.map((verb) =>
      el("button", { type: "button", "data-verb": verb, onclick: () => this.service && perform(verb, this.service, this.learn) }, `${TITLES[verb]} …`)));
    this.buttons.hidden = !verbs.length;
    if (!found) return;
    const { job } = found;
    const facts = [
      ...(job ? jobFacts(job, now) : [["Ready", `${found.ready} of ${found.desired}`]]), ["Group", found.group], ["Tenant", found.tenant], ["Image", found.image],
      ["Age", found.since === null ? "" : `${span(now - found.since)}, since ${clock(found.since, now)}`],
      ["Restarts", found.restarts ? String(found.restarts) : ""], ["Also", alsoOf(found, now)],
    ].filter(([, value]) => value);
    keyed(this.facts, facts, ([name]) => name, () => el("div", {}, el("dt"), el("dd")), (node, [name, value]) => {
      text(node.firstChild, name);
      text(node.lastChild, value);
    });
    const mark = JSON.stringify([found.state, found.restarts, found.hold, found.replicas.map((r) => [r.id, r.phase, r.health]), found.waiting.map((w) => w.code), job]);
    if (this.mark !== undefined && this.mark !== mark) this.soon();
    this.mark = mark;
    if (job) this.showRuns();
    const containers = found.replicas.map((r) => `${r.id} ${r.phase}`).join();
    if (this.containers !== containers) this.readLogs();
    this.containers = containers;
  }

  /** The ledger of a job: read when it is opened, and again when something has become of it. */
  showRuns() {
    if (this.history) return;
    this.history = new History(this.name, this.abort.signal);
    this.runs.replaceChildren(this.history.root);
    this.history.read();
  }

  /** The story again, once things have settled for a moment. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.name && this.story(), AGAIN_MS / 4);
  }

  async story() {
    const { name, abort } = this;
    this.history?.read();
    try {
      const why = await ask(`${path(name)}/why`, { signal: abort.signal });
      if (this.name === name) this.tell(why);
    } catch (problem) {
      if (this.name === name && problem instanceof Problem) text(this.answer, problem.message);
    }
  }

  tell(why) {
    const { now } = why;
    text(this.answer, why.answer);
    text(this.handling, why.handling);
    this.handling.classList.toggle("bad", !why.handled);
    const opened = new Set([...this.body.querySelectorAll("details[open]")].map((d) => d.dataset.key));
    const focused = this.body.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.key : null;
    const { now: _at, ...timeless } = why;
    const changed = replaced(this.body, JSON.stringify(timeless), () => [
      notes(why),
      rootOf(why, this.openService),
      reasons(why, now),
      ...why.replicas.map((replica, at) => story(replica, now, opened, at === 0)),
      entries("Rollouts", why.rollouts, now),
      entries("Asked and noticed", why.operators, now),
    ].filter(Boolean));
    if (changed && focused) this.body.querySelector(`details[data-key="${CSS.escape(focused)}"] > summary`)?.focus();
  }

  async readLogs() {
    const { name, abort } = this;
    if (!this.service?.replicas.length) {
      text(this.logNote, "it has no container");
      this.log.hidden = true;
      return;
    }
    this.logs?.abort();
    const logs = new AbortController();
    this.logs = logs;
    abort.signal.addEventListener("abort", () => logs.abort());
    text(this.logNote, "reading …");
    const said = [];
    try {
      const answer = await open(`${path(name)}/logs?tail=${TAIL}`, { signal: logs.signal });
      for await (const line of lines(answer)) if (line) said.push(JSON.parse(line));
    } catch (problem) {
      if (this.name === name && problem instanceof Problem) {
        this.log.replaceChildren();
        text(this.logNote, problem.message);
      }
      return;
    }
    if (this.name !== name) return;
    const several = new Set(said.map((l) => l.replica)).size > 1;
    const problem = said.find((l) => l.error)?.error;
    text(this.log, said.filter((l) => l.line !== undefined).map((l) => (several ? `${l.replica} | ` : "") + l.line.replace(/\n$/, "")).join("\n"));
    text(this.logNote, problem ?? (said.length ? `the last ${said.length}, of ${clock(Date.now() / 1000, Date.now() / 1000)}` : "it has said nothing"));
    this.log.hidden = !said.length;
    this.log.scrollTop = this.log.scrollHeight;
  }
}

function jobFacts(job, now) {
  return [
    ["Schedule", job.schedule + (job.time_zone === "UTC" ? "" : ` (${job.time_zone})`)],
    ["Last run", lastRun(job, now)],
    ["Next start", job.next_at === null ? "none is to come" : due(job.next_at, now)],
    ["Suspended", job.suspended_by && `by ${job.suspended_by}`],
  ];
}

function notes(why) {
  const all = [why.patch, why.made_of && `made of ${why.made_of}`, why.row_trouble && `its row: ${why.row_trouble}`, why.rollout].filter(Boolean);
  return all.length ? el("ul", { class: "plain-list" }, ...all.map((note) => el("li", {}, note))) : null;
}

/** Where its waiting ends, and who waits for it. */
function rootOf(why, openService) {
  const link = (name) => el("button", { type: "button", class: "link", onclick: () => openService(name) }, name);
  const parts = [];
  if (why.root) {
    const { service, path } = why.root;
    const way = path.length > 2 ? el("span", { class: "dim" }, `by way of ${listed(path.slice(1, -1))}`) : null;
    parts.push(el("h3", {}, "Root cause"), el("p", { class: "links" }, link(service), way));
  }
  if (why.awaited_by?.length) {
    parts.push(el("h3", {}, "Waiting for it"), el("p", { class: "links" }, ...why.awaited_by.map(link)));
  }
  return parts.length ? el("section", { "aria-label": "Dependencies" }, ...parts) : null;
}

function reasons(why, now) {
  if (!why.reasons.length) return null;
  return el("section", { "aria-label": "Waiting" }, el("h3", {}, "Waiting"),
    el("ul", { class: "list" }, ...why.reasons.map((r) => el("li", {},
      el("strong", {}, named(r.subject)), el("span", { class: "state" }, r.code), el("span", { class: "dim" }, r.until === null ? "" : due(r.until, now)),
      el("span", { class: "why" }, r.text),
      el("span", { class: "dim why" }, r.advice)))));
}

function story(replica, now, opened, first) {
  const key = replica.subject;
  return el("section", { "aria-label": `Replica ${replica.subject}` },
    el("h3", {}, named(replica.subject), " ", el("span", { class: "dim" }, ends(replica.standing))),
    replica.chains?.length ? chains(replica.chains, key) : happenings(replica.happenings, now),
    ...replica.dossiers.map((d, at) => evidence(d, now, `${key} ${d.at}`, opened, first && at === 0)));
}

/** What happened to one replica, a sentence each, the newest first. */
function chains(all, subject) {
  const tone = (ok) => (ok === null ? "moving" : ok ? "" : "bad");
  return el("ol", { class: "events still" },
    ...all.slice(-HAPPENINGS).reverse().map((c) => el("li", { "data-tone": tone(c.ok) }, c.text)),
    all.length > HAPPENINGS ? el("li", { class: "dim" }, `${all.length - HAPPENINGS} before that: \`zpmctl why ${subject}\``) : null);
}

function happenings(all, now) {
  if (!all.length) return null;
  const earlier = all.length - HAPPENINGS;
  const rest = earlier > 0 ? el("li", { class: "dim" }, `${earlier} before that: \`zpmctl events --service ${all[0].service}\``) : null;
  return el("ol", { class: "events still" }, ...all.slice(-HAPPENINGS).reverse().map((entry) => {
    const node = entryNode();
    updateEntry(node, entry, now);
    node.querySelector(".subject").remove();
    return node;
  }), rest ?? "");
}

function entries(title, all, now) {
  return all.length ? el("section", { "aria-label": title }, el("h3", {}, title), happenings(all, now)) : null;
}

function limitsOf(limits) {
  if (!limits) return "";
  const mib = (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`;
  return [limits.memory_bytes && `memory ${mib(limits.memory_bytes)}`, limits.cpus && plural(limits.cpus, "CPU"), limits.pids && plural(limits.pids, "process", "processes")]
    .filter(Boolean).join(", ");
}

function evidence(dossier, now, key, opened, first) {
  const lived = dossier.started_at !== null && dossier.finished_at !== null ? `after ${span(dossier.finished_at - dossier.started_at)}` : "";
  const said = (name, output) => (output.length ? [el("h4", {}, name), el("pre", { class: "log", tabindex: "0" }, output.join("\n"))] : []);
  return el("details", { "data-key": key, open: opened.size ? opened.has(key) : first },
    el("summary", {}, `Evidence of ${clock(dossier.at, now)}: ${ends(dossier.meaning, lived)}`),
    el("p", { class: "dim" }, ends(`container ${dossier.container_id.slice(0, 12)}`, dossier.image && `image ${dossier.image}`, limitsOf(dossier.limits))),
    ...(dossier.changes?.length ? [el("h4", {}, "In the hour before"), el("ul", {}, ...dossier.changes.map((c) =>
      el("li", {}, el("span", { class: "dim" }, clock(c.at, now)), ` ${c.text}`, c.actor && c.actor !== "zpmd" ? ` (${c.actor})` : "")))] : []),
    ...(dossier.dependencies?.length ? [el("h4", {}, "What it depends on stood"), el("ul", {}, ...dossier.dependencies.map((d) =>
      el("li", {}, `${d.service}: ${d.state}, ${d.ready} of ${d.desired} ready`)))] : []),
    ...said("Health", dossier.health_output), ...said("Last words", dossier.log_tail));
}
