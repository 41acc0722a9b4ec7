// What all tabs share: elements, numbers, requests. Text from files goes through textContent only.

export const byId = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") made.textContent = value;
    else if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const kilobytes = (bytes) => `${(bytes / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} kB`;
export const milliseconds = (value) => `${value < 10 ? value.toPrecision(2) : value.toFixed(0)} ms`;

export function percent(share, digits = 1) {
  if (share > 0 && share < 0.5 / 10 ** (digits + 2)) return `under ${(1 / 10 ** digits).toFixed(digits)} %`;
  return `${(100 * share).toFixed(digits)} %`;
}

export function number(value) {
  return value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString();
}

export function showError(place, error) {
  place.hidden = !error;
  place.textContent = error ? describe(error) : "";
}

function describe(error) {
  const lines = [error.problem || String(error)];
  if (error.expected) lines.push(`expected: ${error.expected}`);
  if (error.received) lines.push(`received: ${error.received}`);
  if (error.next_step) lines.push(`next: ${error.next_step}`);
  return lines.join("\n");
}

export class StudioError extends Error {
  constructor(fields) { super(fields.problem); Object.assign(this, fields); }
}

export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new StudioError({ problem: "The studio does not answer.", next_step: "see whether it still runs in its terminal" });
  }
  if (response.status === 204) return null;
  const text = await response.text();
  let content = null;
  try { content = JSON.parse(text); } catch { /* the guard answers in plain text */ }
  if (!response.ok) throw new StudioError(content?.error ?? { problem: text || `HTTP ${response.status}` });
  return content;
}

export const postJson = (path, content) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });

// Waits until a job has ended, and gives its result.
export async function result(job) {
  while (job.state === "waiting" || job.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 500));
    job = await request(`api/jobs/${encodeURIComponent(job.id)}`);
  }
  if (job.state === "failed") throw new StudioError(job.error);
  return job.result;
}

export async function withState({ button, state, error, words }, work) {
  button.disabled = true;
  state.textContent = words;
  showError(error, null);
  try {
    await work();
  } catch (problem) {
    showError(error, problem);
  } finally {
    state.textContent = "";
    button.disabled = false;
  }
}
