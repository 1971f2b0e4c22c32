// Runs of jobs: how they ended, in words, and the ledger of one job with the last lines of each run.
import { Problem, ask, job as path } from "./api.js";
import { attribute, el, keyed, text } from "./dom.js";
import { clock, due, ends, lasting } from "./words.js";

const SHOWN = 20;

const ENDINGS = {
  "failed": "failed", "timed-out": "timed out", "vanished": "vanished", "failed-start": "could not be started", "too-late": "could not begin in time",
  "skipped-overlap": "skipped: another run had not ended", "missed-down": "missed: nobody looked then", "replaced": "replaced before it began",
  "repeated": "not run twice: the clock was put back",
};

/** "failed with exit 3 after 12 s" of a run that has ended. */
export function ended(run) {
  const code = run.exit_code && run.ending === "failed" ? ` with exit ${run.exit_code}` : "";
  const took = run.lasted_seconds === null ? "" : ` after ${lasting(run.lasted_seconds)}`;
  return `${ENDINGS[run.ending] ?? run.ending}${code}${took}`;
}

function stands(run, now) {
  if (run.ending) return ended(run);
  const step = run.step === "running" && run.started_at !== null ? `running for ${lasting(now - run.started_at)}` : run.step;
  return `${step}${run.tries > 1 ? `, try ${run.tries}` : ""}${run.stopping ? ", is being stopped" : ""}`;
}

export const lastRun = (job, now) => (job.last ? `${clock(job.last.due_at, now)} ${ended(job.last)}` : "none yet");

/** What a job's line says: who suspends it, its last run, its next. */
export function story(job, now) {
  return ends(
    job.suspended_by && `suspended by ${job.suspended_by}`,
    job.last ? `last run ${lastRun(job, now)}` : "no run yet",
    job.next_at !== null && `next in ${due(job.next_at, now)}`,
  );
}

const tone = (run) => (run.bad ? "bad" : run.ending ? "" : "moving");

function remarks(run) {
  return ends(
    run.count > 1 && `${run.count} times`,
    run.asked && run.ending !== "suspended" && `asked for by ${run.asked}`,
    run.caught_up && "caught up",
    run.instead_of.length && `instead of ${run.instead_of.join(", ")}`,
    run.tries > 1 && run.ending && `${run.tries} tries`,
    run.reason !== `exited with ${run.exit_code}` && run.reason,
  );
}

/** The ledger of one job: its newest runs, each of which opens to its last lines. */
export class History {
  constructor(name, signal) {
    this.name = name;
    this.signal = signal;
    this.note = el("p", { class: "dim", hidden: true });
    this.list = el("ol", { class: "events still runs" });
    this.root = el("section", { "aria-label": "Runs" }, el("h3", {}, "Runs"), this.list, this.note);
  }

  async read() {
    try {
      const { runs, now, before } = await ask(`${path(this.name)}/runs?limit=${SHOWN}`, { signal: this.signal });
      keyed(this.list, runs, (r) => r.due, (r) => this.make(r), (node, r) => this.show(node, r, now));
      this.say(runs.length ? (before === null ? "" : `earlier ones: \`zpmctl job history ${this.name}\``) : "none yet");
    } catch (problem) {
      if (problem instanceof Problem) this.say(problem.message);
    }
  }

  say(words) {
    text(this.note, words);
    this.note.hidden = !words;
  }

  make(run) {
    const log = el("pre", { class: "log", tabindex: "0", role: "region", "aria-label": `Last lines of the run of ${run.due}` });
    const details = el("details", { "data-due": run.due }, el("summary", {}, el("time"), el("span", { class: "outcome" })), el("p", { class: "dim" }), log);
    details.addEventListener("toggle", () => details.open && this.tell(run.due, log));
    return el("li", {}, details, el("span", { class: "why" }));
  }

  show(node, run, now) {
    const [details, why] = node.children;
    const [summary, facts, log] = details.children;
    text(summary.firstChild, clock(run.due_at, now));
    attribute(summary.firstChild, "datetime", run.due);
    text(summary.lastChild, stands(run, now));
    attribute(node, "data-tone", tone(run));
    text(why, remarks(run));
    text(facts, ends(`due ${run.due}`, run.late_seconds !== null && `${lasting(run.late_seconds)} late`, run.container_id && `container ${run.container_id.slice(0, 12)}`));
    if (details.open && log.dataset.kept !== String(run.log_kept)) this.tell(run.due, log);
  }

  async tell(due, log) {
    try {
      const { run, log_tail: said } = await ask(`${path(this.name)}/runs/${due}`, { signal: this.signal });
      text(log, said.join("\n"));
      log.dataset.kept = run.log_kept;
      log.hidden = !said.length;
    } catch (problem) {
      if (problem instanceof Problem) text(log, problem.message);
    }
  }
}
