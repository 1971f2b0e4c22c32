// The page: what is known, where it comes from, and when it is drawn. Everything drawn is drawn from `model`.
import { servicesOf, showAnswer } from "./answer.js";
import { Problem, ask, may, onLoggedOut, session } from "./api.js";
import { Detail } from "./detail.js";
import { attribute, byId, el, keyed, text } from "./dom.js";
import { Feed, STALE_SECONDS } from "./feed.js";
import { STATES, arrows, focusService, showServices, step } from "./services.js";
import { showSide } from "./side.js";

const ENTRIES_KEPT = 200;
const TENANTS_MS = 15000;
const STORIES_MS = 2000;
const AGES_MS = 5000;

const model = { status: null, skew: 0, entries: new Map(), stories: new Map(), tenants: [], filter: { q: "", state: "", group: "", tenant: "" }, opened: "" };
const detail = new Detail((name) => openService(name), learn);
let feed = null;
let running = 0;

// What is drawn

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    if (!running) return;
    showConnection();
    if (!model.status) return;
    const now = Date.now() / 1000 + model.skew;
    showAnswer(model.status, now, openService, () => filterBy({ q: "", state: "trouble", group: "", tenant: "" }));
    choices();
    showServices(model.status, now, model.filter, model.opened, openService);
    showSide(model, now, openService, (tenant) => filterBy({ tenant }));
    detail.update(model.status, now);
    text(byId("version"), model.status.version);
  }, 0);
}

function showConnection() {
  const silent = feed?.silentSeconds() ?? 0;
  const stale = silent >= STALE_SECONDS || feed?.state === "lost";
  const node = byId("connection");
  const state = !feed || feed.state === "connecting" ? "connecting" : stale ? "stale" : "live";
  attribute(node, "data-state", state);
  attribute(document.body, "data-stale", state === "stale" ? "" : null);
  const told = state === "stale" ? `No news for ${Math.round(silent)} s: zpmd does not answer, what is shown is old` : { connecting: "connecting", live: "live" }[state];
  // A number that goes up every second is read out every time it changes: said at once, and then every ten seconds.
  if (state !== node.dataset.told || (state === "stale" && Math.round(silent) % 10 === 0)) {
    node.dataset.told = state;
    text(node, told);
  }
}

function choices() {
  const all = servicesOf(model.status);
  options("filter-state", STATES, model.filter.state);
  options("filter-group", [["", "Group"], ...model.status.groups.map((g) => [g.name, g.name])], model.filter.group);
  const tenants = [...new Set(all.map((s) => s.tenant).filter(Boolean))].sort();
  byId("filter-tenant").hidden = !tenants.length;
  options("filter-tenant", [["", "Tenant"], ...tenants.map((t) => [t, t])], model.filter.tenant);
}

function options(id, pairs, value) {
  const known = pairs.some(([key]) => key === value) ? pairs : [...pairs, [value, value]];
  keyed(byId(id), known, ([key]) => key, ([key]) => el("option", { value: key }), (node, [, name]) => text(node, name));
  if (byId(id).value !== value) byId(id).value = value;
}

// What is known

function learn(status) {
  if (model.status && status.number < model.status.number && status.started_at === model.status.started_at) return;
  model.status = status;
  model.skew = status.now - Date.now() / 1000;
  draw();
  stories();
}

function note(entry) {
  model.entries.set(entry.id, entry);
  if (model.entries.size > ENTRIES_KEPT) model.entries.delete(Math.min(...model.entries.keys()));
  if (entry.service && entry.service === model.opened) detail.soon();
  draw();
}

let storiesAt = 0;
/** How far the patches are that are under way. */
async function stories() {
  const ids = (model.status?.patches ?? []).filter((p) => p.attention === "under-way" && p.id).map((p) => p.id).slice(0, 3);
  if (!ids.length || Date.now() - storiesAt < STORIES_MS) return;
  storiesAt = Date.now();
  for (const id of ids) await quietly(async () => model.stories.set(id, await ask(`/v1/patches/${encodeURIComponent(id)}`)));
  draw();
}

async function tenants() {
  if (model.status && model.status.registry === null && !session.tenant) model.tenants = [];
  else await quietly(async () => (model.tenants = (await ask("/v1/tenants")).tenants));
  draw();
}

/** What is not told now is asked for again a little later; the page says itself when zpmd is silent. */
async function quietly(call) {
  try {
    return await call();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return null;
  }
}

async function follow(run) {
  const entries = (await quietly(() => ask("/v1/events?limit=60"))) ?? [];
  if (run !== running) return;
  entries.forEach(note);
  const open = entries.filter((e) => e.kind === "action" && e.result === null).map((e) => e.id - 1);
  const last = entries.length ? Math.min(...open, entries.at(-1).id) : 0;
  const status = await quietly(() => ask("/v1/status"));
  if (run !== running) return;
  if (status) learn(status);
  feed = new Feed((name, data) => (name === "status" ? learn(data) : name === "entry" && note(data)), draw);
  feed.run(last);
  tenants();
}

// Filter, opened service, address

const KEYS = ["q", "state", "group", "tenant"];

function address() {
  const kept = new URLSearchParams();
  if (model.opened) kept.set("service", model.opened);
  for (const key of KEYS) if (model.filter[key]) kept.set(key, model.filter[key]);
  return `#${kept}`;
}

function fromAddress() {
  const kept = new URLSearchParams(location.hash.slice(1));
  for (const key of KEYS) model.filter[key] = kept.get(key) ?? "";
  byId("filter-text").value = model.filter.q;
  const before = model.opened;
  model.opened = kept.get("service") ?? "";
  if (running) showOpened(before);
  draw();
}

/** Where the opened service covers all of the page, nothing below it is reached by keyboard or told. */
const covering = matchMedia("(max-width: 44rem)");

function cover() {
  for (const part of document.querySelectorAll("#page > header, #page > main")) part.inert = Boolean(model.opened) && covering.matches;
}

function showOpened(before) {
  cover();
  if (model.opened) detail.show(model.opened);
  else if (before) {
    const inside = byId("detail").contains(document.activeElement);
    detail.hide();
    if (inside || document.activeElement === document.body) focusService(before);
  }
  document.body.classList.toggle("with-detail", Boolean(model.opened));
}

function openService(name) {
  const before = model.opened;
  if (name === before) return;
  model.opened = name;
  history.pushState(null, "", address());
  showOpened(before);
  draw();
}

function filterBy(some) {
  Object.assign(model.filter, some);
  history.replaceState(null, "", address());
  if ("q" in some && byId("filter-text").value !== some.q) byId("filter-text").value = some.q;
  draw();
}

const unfiltered = () => filterBy({ q: "", state: "", group: "", tenant: "" });

// Who is here

function begin(who) {
  Object.assign(session, who);
  const run = ++running;
  byId("login").hidden = true;
  byId("page").hidden = false;
  text(byId("who"), [session.name, session.tenant && `tenant ${session.tenant}`, may("operate") ? "" : "may look"].filter(Boolean).join(" · "));
  byId("logout").hidden = !session.csrf;
  fromAddress();
  showOpened("");
  follow(run);
}

function ended(why) {
  feed?.stop();
  feed = null;
  running = 0;
  detail.hide();
  Object.assign(model, { status: null, entries: new Map(), stories: new Map(), tenants: [], opened: "" });
  Object.assign(session, { name: "", scopes: [], tenant: "", csrf: "" });
  byId("confirm").close("");
  byId("page").hidden = true;
  byId("login").hidden = false;
  document.title = "zpmd";
  document.body.classList.remove("with-detail");
  text(byId("login-why"), why);
  byId("token").focus();
}

async function login(event) {
  event.preventDefault();
  const field = byId("token");
  text(byId("login-error"), "");
  try {
    await ask("/session", { method: "POST", body: { token: field.value.trim() } });
    field.value = "";
    begin(await ask("/session"));
  } catch (problem) {
    text(byId("login-error"), problem.status === 401 ? "This token is not known, or has ended." : problem.message);
    field.select();
  }
}

async function logout() {
  await quietly(() => ask("/session/end", { method: "POST", body: {} }));
  ended("You have logged out.");
}

/** Somebody is here: an idle session would end otherwise, though its page is being looked at. */
let presentAt = Date.now();
function present() {
  if (!session.csrf || Date.now() - presentAt < 60000) return;
  presentAt = Date.now();
  quietly(async () => {
    const who = await ask("/session");
    if (!who.name) ended("The session has ended.");
  });
}

// Light and dark

const THEMES = { auto: "system", light: "light", dark: "dark" };

function theme(next) {
  const root = document.documentElement;
  if (next === "auto") delete root.dataset.theme;
  else if (next) root.dataset.theme = next;
  const current = root.dataset.theme ?? "auto";
  try {
    if (next === "auto") localStorage.removeItem("zpmd-theme");
    else if (next) localStorage.setItem("zpmd-theme", next);
  } catch {
    // a browser that keeps nothing: it holds for this page
  }
  text(byId("theme"), THEMES[current]);
  attribute(byId("theme-button"), "aria-label", `Theme: ${THEMES[current]}`);
  return current;
}

// Keys

function typed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !running) return;
  if (document.querySelector("dialog[open]")) return;
  const writing = event.target.matches?.("input, textarea, select");
  if (event.key === "Escape") {
    if (event.target === byId("filter-text") && model.filter.q) filterBy({ q: "" });
    else if (model.opened) openService("");
    else if (event.target === byId("filter-text")) step(0);
    else return;
    event.preventDefault();
  } else if (writing) {
    if (event.target === byId("filter-text") && event.key === "ArrowDown") {
      event.preventDefault();
      step(0);
    }
  } else if (arrows(event)) return;
  else if (event.key === "/") {
    event.preventDefault();
    byId("filter-text").focus();
    byId("filter-text").select();
  } else if (event.key === "?") byId("keys").showModal();
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
}

addEventListener("keydown", typed);
addEventListener("popstate", fromAddress);
covering.addEventListener("change", cover);
addEventListener("keydown", present, { passive: true });
addEventListener("pointerdown", present, { passive: true });
byId("login-form").addEventListener("submit", login);
byId("logout").addEventListener("click", logout);
byId("keys-button").addEventListener("click", () => byId("keys").showModal());
byId("theme-button").addEventListener("click", () => theme({ auto: "light", light: "dark", dark: "auto" }[theme("")]));
byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("filter-text").addEventListener("input", () => filterBy({ q: byId("filter-text").value }));
for (const key of ["state", "group", "tenant"]) byId(`filter-${key}`).addEventListener("change", (event) => filterBy({ [key]: event.target.value }));
byId("filter-clear").addEventListener("click", () => {
  unfiltered();
  byId("filter-text").focus();
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  step(0);
});
onLoggedOut(() => running && ended("The session has ended: log in again."));
setInterval(draw, AGES_MS);
setInterval(() => running && tenants(), TENANTS_MS);
setInterval(stories, STORIES_MS);
theme("");

const who = await quietly(() => ask("/session"));
byId("loading").remove();
if (who?.name) begin(who);
else ended(who ? "" : "zpmd does not answer: load the page again in a moment.");
