// What happens, as it happens: GET /v1/feed. Read with fetch and not with EventSource, which hears no heartbeat, knows no
// status code and cannot say where it was when the page was opened.
import { lines, open } from "./api.js";

export const STALE_SECONDS = 20;
const DEAD_SECONDS = 45;
const FIRST_WAIT = 500, LONGEST_WAIT = 8000;

/** `heard(name, data)` gets every event, `changed()` is called when `state` has changed: connecting, live or lost. */
export class Feed {
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    this.state = "connecting";
    this.lastId = null;
    this.newsAt = Date.now();
    this.wait = FIRST_WAIT;
    this.stopped = false;
    this.wake = () => {};
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  silentSeconds() {
    return (Date.now() - this.newsAt) / 1000;
  }

  async run(lastId) {
    this.lastId = lastId;
    const watch = setInterval(() => {
      if (this.silentSeconds() > DEAD_SECONDS) this.abort?.abort();
      this.changed();
    }, 1000);
    while (!this.stopped) {
      try {
        await this.read();
      } catch (error) {
        if (error.status === 401 || error.status === 403) this.stopped = true;
      }
      if (this.stopped) break;
      this.become("lost");
      await this.pause();
    }
    clearInterval(watch);
  }

  stop() {
    this.stopped = true;
    this.abort?.abort();
    this.wake();
  }

  async read() {
    this.abort = new AbortController();
    const headers = { Accept: "text/event-stream" };
    if (this.lastId !== null) headers["Last-Event-ID"] = String(this.lastId);
    const answer = await open("/v1/feed", { headers, signal: this.abort.signal });
    this.wait = FIRST_WAIT;
    this.news();
    this.become("live");
    let name = "", data = [], id = null;
    for await (const line of lines(answer)) {
      this.news();
      if (line === "") {
        if (id !== null) this.lastId = id;
        if (name) this.heard(name, JSON.parse(data.join("\n")));
        name = "";
        data = [];
        id = null;
      } else if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) data.push(line.slice(6));
      else if (line.startsWith("id: ")) id = line.slice(4);
    }
  }

  news() {
    this.newsAt = Date.now();
  }

  become(state) {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }

  /** Longer after each failure, cut short when the browser is online again or the page is looked at. */
  pause() {
    const wait = this.wait * (0.75 + Math.random() / 2);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
