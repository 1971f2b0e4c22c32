// Times, durations and counts in words, as zpmctl says them (interfaces/words.py).

const MINUTE = 60, HOUR = 3600, DAY = 86400;

export function span(seconds) {
  const s = Math.max(seconds, 0);
  if (s < 1) return "0 s";
  if (s < 2 * MINUTE) return `${s.toFixed(0)} s`;
  if (s < 2 * HOUR) return `${(s / MINUTE).toFixed(0)} min`;
  if (s < 2 * DAY) return `${(s / HOUR).toFixed(0)} h`;
  return `${(s / DAY).toFixed(0)} d`;
}

/** As `span`, with a tenth where that says more. */
export const lasting = (seconds) => (seconds < 10 ? `${Math.max(seconds, 0).toFixed(1)} s` : span(seconds));

/** `report/1774746000` as `report/2026-03-29T01:00:00Z`: the slot of a job's run is the instant that it is due at. */
export function named(subject) {
  const found = /^([^:]+)\/(\d{9,11})$/.exec(subject);
  return found ? `${found[1]}/${new Date(Number(found[2]) * 1000).toISOString().replace(".000", "")}` : subject;
}

const two = (n) => String(n).padStart(2, "0");

/** The time alone within 12 hours of `now`, else with its date; in the browser's time zone. */
export function clock(at, now) {
  const d = new Date(at * 1000);
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  if (Math.abs(now - at) < DAY / 2) return time;
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`;
}

export const due = (until, now) => (until - now >= 0.5 ? `${span(until - now)} (${clock(until, now)})` : "now");

export const plural = (n, noun, nouns = `${noun}s`) => `${n} ${n === 1 ? noun : nouns}`;

/** "a", "a and b", "a, b and c", "a, b, c and 4 more". */
export function listed(names, most = 5) {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

export const ends = (...parts) => parts.filter(Boolean).join("; ");
