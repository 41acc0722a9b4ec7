// The fourth tab: what a file holds and how it was made; variants made here; the user's own models.

import { byId, element, kilobytes, percent, postJson, request, result, showError, withState } from "./page.js";

let studio;
let timer;

export function startFiles(shared) {
  studio = shared;
  byId("file-model").addEventListener("change", showDetails);
  for (const name of ["click", "focus"]) {
    byId("tab-files").addEventListener(name, () => { if (!byId("file-details").hasChildNodes()) showDetails(); });
  }
  startVariants();
  byId("add-label").hidden = !studio.state.accepts_models;
  byId("model-file").addEventListener("change", (event) => { addModel(event.target.files[0]); event.target.value = ""; });
  studio.onModels(({ models }) => {
    const chosen = byId("file-model").value;
    byId("file-model").replaceChildren(...models.map((model) => element("option", { value: model.id, text: model.name })));
    if (models.some((model) => model.id === chosen)) byId("file-model").value = chosen;
    else byId("file-details").replaceChildren();
    showOwn(models.filter((model) => model.is_own));
  });
}

async function showDetails() {
  const chosen = byId("file-model").value;
  try {
    const details = await request(`api/models/${encodeURIComponent(chosen)}`);
    // Another model may have been chosen meanwhile.
    if (byId("file-model").value !== chosen) return;
    showError(byId("file-error"), null);
    const pairs = [...details.facts];
    const labels = details.labels.join(", ") + (details.label_count > details.labels.length ? ", …" : "");
    pairs.push(["labels", details.label_count ? `${details.label_count}: ${labels}` : "none"]);
    pairs.push(...details.preprocessing.map((words) => ["preprocessing", words]));
    if (details.golden) pairs.push(["golden examples", details.golden]);
    if (details.signed) pairs.push(["signature", details.signed]);
    const parts = [element("dl", {}, ...pairs.flatMap(([name, words]) => [element("dt", { text: name }), element("dd", { text: words })]))];
    if (details.command) {
      parts.push(element("p", { className: "muted", text: "Made by:" }));
      parts.push(element("pre", { text: details.command, tabIndex: 0, role: "region", "aria-label": "Command that made it" }));
    }
    if (details.command_note) parts.push(element("p", { className: "muted", text: details.command_note }));
    byId("file-details").replaceChildren(...parts);
  } catch (error) {
    showError(byId("file-error"), error);
  }
}

function startVariants() {
  const { source, modes, data } = studio.state;
  byId("variant-form").hidden = !source;
  byId("variant-note").textContent = !source
    ? "Variants are made from the Keras model: name it when you start the studio."
    : `From ${source}` + (data ? `, judged on ${data}.` : ". Without --data only what needs no calibration can be made.");
  byId("mode").replaceChildren(...modes.map((mode) => element("option", { value: mode, text: mode, selected: mode === "int8" })));
  if (!data) { byId("mode").value = "dynamic"; byId("with-budget").checked = false; byId("with-budget").disabled = true; }
  for (const id of ["mode", "with-budget", "budget"]) byId(id).addEventListener("input", showCommand);
  byId("variant-form").addEventListener("submit", (event) => { event.preventDefault(); makeVariant(); });
  if (source) showCommand();
}

function wanted() {
  const points = Number(byId("budget").value);
  return { quantize: byId("mode").value, max_drop: byId("with-budget").checked ? Number((points / 100).toFixed(4)) : null };
}

function showCommand() {
  byId("budget-row").hidden = !byId("with-budget").checked;
  byId("budget-value").textContent = `${Number(byId("budget").value).toFixed(1)} points`;
  clearTimeout(timer);
  timer = setTimeout(async () => {
    try {
      const { command } = await postJson("api/variants", { ...wanted(), dry_run: true });
      byId("variant-command").textContent = command;
      showError(byId("variant-error"), null);
    } catch (error) {
      byId("variant-command").textContent = "";
      showError(byId("variant-error"), error);
    }
  }, 120);
}

function makeVariant() {
  const parts = {
    button: byId("make"), state: byId("variant-state"), error: byId("variant-error"),
    words: "Converting and judging. This can take some minutes.",
  };
  let made = null;
  return withState(parts, async () => {
    made = await result(await postJson("api/variants", wanted()));
    await studio.reload();
  }).then(() => { if (made) byId("variant-state").textContent = verdict(made); });
}

function verdict({ name, budget }) {
  if (!budget) return `${name} is ready: try it in the first tab.`;
  const kept = budget.met ? `within the budget (${budget.verdict})` : "but it misses the budget";
  const stayed = budget.float_operators ? `, ${budget.float_operators} of ${budget.operators} operators stay in float` : "";
  return `${name} is ready, ${kept}: drop ${percent(budget.drop, 2)}${stayed}. Try it in the first tab.`;
}

async function addModel(file) {
  if (!file) return;
  const most = studio.state.limits.model;
  try {
    if (file.size > most) throw { problem: `${file.name} is too large.`, expected: `at most ${most / 1e6} MB` };
    const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name) };
    await request("api/models", { method: "POST", headers, body: file });
    showError(byId("own-error"), null);
    await studio.reload();
  } catch (error) {
    showError(byId("own-error"), error);
  }
}

function showOwn(models) {
  const items = models.map((model) => {
    const path = `api/models/${encodeURIComponent(model.id)}`;
    const remove = element("button", { type: "button", text: "Remove", "aria-label": `Remove ${model.name}` });
    remove.addEventListener("click", async () => {
      try { await request(path, { method: "DELETE" }); await studio.reload(); } catch (error) { showError(byId("own-error"), error); }
    });
    const save = element("a", { className: "button", href: `${path}/file`, download: model.name, text: "Save", "aria-label": `Save ${model.name}` });
    return element("li", {}, element("strong", { text: model.name }), element("span", { className: "muted", text: kilobytes(model.size_bytes) }), save, remove);
  });
  byId("own-models").replaceChildren(...(items.length ? items : [element("li", { className: "muted", text: "None yet." })]));
}
