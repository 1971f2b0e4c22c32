// zpmd's API as this page uses it. The session is a cookie that no script can read; `csrf` goes with every write.

export const session = { name: "", scopes: [], tenant: "", csrf: "" };

export const may = (scope) => session.scopes.includes(scope);

/** What zpmd answered when it could not do what was asked; `status` 0: it did not answer. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const AGAIN_MS = 500;

let loggedOut = () => {};
export const onLoggedOut = (call) => (loggedOut = call);

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function open(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = { Accept: "application/json", ...headers };
  if (method !== "GET") {
    sent["Content-Type"] = "application/json";
    if (session.csrf) sent["X-CSRF-Token"] = session.csrf;
  }
  const send = () => fetch(path, {
    method, signal, headers: sent, credentials: "same-origin", cache: "no-store", redirect: "error",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const unanswered = (error) => {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "no-answer", "zpmd does not answer");
  };
  let answer;
  // What only looks may be asked twice: a network that comes or goes ends what a browser was asking for.
  if (method === "GET") answer = await send().catch(() => later(AGAIN_MS).then(send)).catch(unanswered);
  else answer = await send().catch(unanswered);
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401 && path !== "/session") loggedOut();
  throw new Problem(answer.status, said.code ?? "", said.detail ?? `${answer.status} ${answer.statusText}`);
}

export async function ask(path, options) {
  const answer = await open(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** The lines of an answer as they come. */
export async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      yield* parts;
    }
    if (rest) yield rest;
  } finally {
    reader.cancel().catch(() => {});
  }
}

export const service = (name) => `/v1/services/${encodeURIComponent(name)}`;
export const job = (name) => `/v1/jobs/${encodeURIComponent(name)}`;
