// Start, stop, restart, hold and release: asked for by name, and told truthfully: accepted is not done.
import { TROUBLE, servicesOf } from "./answer.js";
import { ask, job, may, service } from "./api.js";
import { attribute, byId, el, keyed, text } from "./dom.js";
import { ended } from "./runs.js";
import { plural } from "./words.js";

const GIVE_UP_SECONDS = 300;
const DONE_SHOWN_MS = 15000;

/** What can be asked of a service as it stands. */
export function verbsFor(service) {
  if (!may("operate")) return [];
  const hold = service.hold?.service === service.name ? "release" : "hold";
  if (service.job) return jobVerbs(service, hold);
  if (!service.declared) return service.stopped ? [hold] : ["stop", hold];
  if (service.stopped) return ["start", hold];
  const waits = TROUBLE.has(service.state) || ["backoff", "waiting"].includes(service.state);
  return [...(waits ? ["start"] : []), "restart", "stop", hold];
}

/** What its own file suspends, nobody can resume from here. */
function jobVerbs({ job: { suspended_by: by, open }, stopped, hold: held }, hold) {
  if (stopped) return ["start", hold];
  const suspend = by === "its file" ? [] : [by ? "resume" : "suspend"];
  return [...(held ? [] : ["run"]), ...suspend, ...(open ? ["stop"] : []), hold];
}

export const TITLES = { start: "Start", stop: "Stop", restart: "Restart", hold: "Hold", release: "Release", run: "Run", suspend: "Suspend", resume: "Resume" };

const OF_JOBS = new Set(["run", "suspend", "resume"]);
const path = (name, verb) => `${OF_JOBS.has(verb) ? job(name) : service(name)}/${verb}`;

const MEANS = {
  start: (s) => (s.job ? "It runs again when it is due: a stop ends." : "It is to run at once: a stop ends, and the wait after a failure is skipped."),
  run: () => "It runs once, now, whatever its schedule says.",
  suspend: () => "It does not run when it is due, until somebody resumes it. What runs goes on.",
  resume: (s) => `It runs again when it is due. Suspended by ${s.job.suspended_by}.`,
  stop: (s) => `It stays stopped until somebody starts it. ${plural(s.replicas.filter((r) => r.phase === "running").length, "replica runs", "replicas run")} now.`,
  restart: (s) => `${s.desired === 1 ? "Its replica is" : `Each of its ${s.desired} replicas is`} replaced, by its own update_config.`,
  hold: () => "zpmd keeps its hands off: nothing of it is started, stopped or replaced, whatever happens to it.",
  release: (s) => `zpmd looks after it again. Held by ${s.hold?.owner ?? "nobody"}${s.hold?.reason ? `: ${s.hold.reason}` : ""}.`,
};

/** Asks the person. Resolves to the body of the request, or null. */
function confirmed(verb, service) {
  const dialog = byId("confirm");
  text(byId("confirm-title"), `${TITLES[verb]} ${service.name}?`);
  text(byId("confirm-text"), MEANS[verb](service));
  text(byId("confirm-yes"), `${TITLES[verb]} ${service.name}`);
  byId("confirm-yes").classList.toggle("danger", verb === "stop");
  byId("confirm-hold").hidden = verb !== "hold";
  byId("hold-reason").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  (verb === "hold" ? byId("hold-reason") : byId("confirm-no")).focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return resolve(null);
    if (verb !== "hold") return resolve({});
    const seconds = byId("hold-for").value;
    resolve({ reason: byId("hold-reason").value.trim(), ...(seconds ? { for_seconds: Number(seconds) } : {}) });
  }, { once: true }));
}

byId("confirm-no").addEventListener("click", () => byId("confirm").close(""));

// When the effect is there; the same goals as zpmctl's --wait (interfaces/until.py). [null: pending, what is seen]

const stands = (s) => `${s.state}, ${s.ready} of ${s.desired} ready${s.reason ? `: ${s.reason}` : ""}`;

function runs(s) {
  if (!s) return [false, "it is not declared any more"];
  if (s.hold) return [false, `it is held by ${s.hold.owner}: ${s.hold.reason || "no reason given"}`];
  if (s.stopped) return [false, "somebody has stopped it"];
  if (s.job) return [true, "it runs when it is due"];
  if (TROUBLE.has(s.state) && s.state !== "unhealthy") return [false, stands(s)];
  const extra = s.replicas.filter((r) => r.phase === "running").length > s.desired;
  if (s.state === "completed" || (s.ready >= s.desired && !s.outdated && !s.in_flight.length && !extra)) return [true, `it is ${s.state}`];
  return [null, stands(s)];
}

function isStopped(s) {
  if (!s) return [true, "it is gone"];
  if (s.hold) return [false, `it is held by ${s.hold.owner}: ${s.hold.reason || "no reason given"}`];
  const alive = s.replicas.filter((r) => ["running", "paused", "restarting"].includes(r.phase)).length;
  if (alive || s.in_flight.length) return [null, `${plural(alive, "replica")} still running`];
  return s.stopped ? [true, "it is stopped"] : [false, "somebody has started it again"];
}

/** It runs, or has ended by now: a run may take hours. */
function hasBegun(s, { run }) {
  if (!s?.job) return [false, "it is not declared any more"];
  if (s.job.last?.due === run) return [!s.job.last.bad, ended(s.job.last)];
  return s.job.running ? [true, "it runs"] : [null, s.reason || "it has not begun"];
}

const isSuspended = (s) => (s?.job?.suspended_by ? [true, "it is suspended"] : [null, "not seen as suspended yet"]);

const GOALS = {
  run: hasBegun,
  suspend: isSuspended,
  resume: (s) => (s?.job?.suspended_by ? [null, "still suspended"] : [true, "it runs when it is due"]),
  start: runs,
  restart: runs,
  stop: isStopped,
  hold: (s) => (s?.hold ? [true, "it is held"] : [null, "not seen as held yet"]),
  release: (s) => (s?.hold?.service === "*" ? [false, "everything is held"] : s?.hold ? [null, "still held"] : [true, "it is released"]),
};

// What was asked for, and what became of it.

const asked = [];

function tell(one, tone, said) {
  Object.assign(one, { tone, said });
  keyed(byId("asked"), asked, (a) => a.id,
    (a) => el("li", {}, el("strong"), el("span"), el("button", { type: "button", class: "link", "aria-label": "Dismiss", onclick: () => forget(a) }, "Dismiss")),
    (node, a) => {
      attribute(node, "data-tone", a.tone);
      text(node.children[0], `${TITLES[a.verb]} ${a.name}`);
      text(node.children[1], a.said);
    });
}

function forget(one) {
  const at = asked.indexOf(one);
  if (at >= 0) asked.splice(at, 1);
  tell(one, one.tone, one.said);
}

let count = 0;

/** `learn(status)` gets every status that is seen while waiting. */
export async function perform(verb, service, learn) {
  const body = await confirmed(verb, service);
  if (body === null) return;
  const one = { id: ++count, verb, name: service.name };
  asked.unshift(one);
  const began = performance.now();
  tell(one, "moving", "asking …");
  try {
    const done = await ask(path(service.name, verb), { method: "POST", body });
    tell(one, "moving", "accepted; waiting for its effect …");
    const [met, said] = await effect(one, done, GOALS[verb], learn);
    const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    if (met) tell(one, "good", `done after ${took}: ${said}`);
    else if (met === false) tell(one, "bad", `accepted, and its effect did not come: ${said}`);
    else tell(one, "bad", `accepted, and its effect is not seen after ${took}: ${said}`);
    if (met) setTimeout(() => forget(one), DONE_SHOWN_MS);
  } catch (problem) {
    tell(one, "bad", problem.status === 0 ? "zpmd does not answer: whether it was accepted is not known" : `refused: ${problem.message}`);
  }
}

/** Statuses of passes that began after the verb was durable, until one shows the effect. */
async function effect(one, done, goal, learn) {
  let last = [null, "no pass since"];
  let after = 0;
  const until = Date.now() + GIVE_UP_SECONDS * 1000;
  while (Date.now() < until) {
    const status = await ask(`/v1/wait?after=${after}&timeout=10`);
    if (status === null) continue;
    after = status.number;
    learn(status);
    if (status.at <= done.at) continue;
    last = goal(servicesOf(status).find((s) => s.name === one.name), done);
    if (last[0] !== null) return last;
    tell(one, "moving", `accepted; ${last[1]} …`);
  }
  return last;
}
