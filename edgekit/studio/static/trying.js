// The first tab: an input by drawing, image, camera or typing; the answers of all models beside each other.

import { DrawingBoard } from "./drawing.js";
import { byId, element, kilobytes, milliseconds, number, percent, postJson, request, showError } from "./page.js";

let studio;
let board;
let wanted = null; // the request to make once the one under way has ended
let isAsking = false;

export function startTrying(shared) {
  studio = shared;
  const form = studio.state.input;
  if (form.kind === "image") startImages(form);
  else if (form.kind === "numbers") startNumbers(form);
  else {
    byId("no-form").hidden = false;
    const kinds = (form.fields ?? []).map((field) => `${field.name}: ${field.kind}`).join(", ");
    byId("no-form").textContent = `This model's inputs cannot be drawn or typed (${kinds}). The other tabs work.`;
  }
  studio.onModels(showModels);
}

function startImages(form) {
  byId("image-form").hidden = false;
  board = new DrawingBoard(byId("board"), byId("board-cursor"), byId("pen-state"), drawingChanged);
  board.whiteOnBlack = board.centred = form.channels === 1;
  board.resize(form.width, form.height);
  for (const [id, property] of [["white-on-black", "whiteOnBlack"], ["centred", "centred"]]) {
    byId(id).checked = board[property];
    byId(id).addEventListener("change", () => { board[property] = byId(id).checked; board.update(); });
  }
  byId("clear").addEventListener("click", () => board.clear());
  byId("undo").addEventListener("click", () => board.undo());
  byId("save-drawing").addEventListener("click", (event) => { event.currentTarget.href = board.picture.toDataURL("image/png"); });
  byId("image-file").addEventListener("change", (event) => { askFile(event.target.files[0]); event.target.value = ""; });
  startDropping();
  startCamera();
  startExamples();
}

function drawingChanged() {
  if (board.isEmpty) { wanted = null; forgetAnswers(); return; }
  const make = async () => postImage(await new Promise((resolve) => board.picture.toBlob(resolve, "image/png")));
  make.isDrawing = true;
  ask(make);
}

const postImage = (blob) =>
  request("api/answers", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: blob });

function askFile(file) {
  if (!file) return;
  const most = studio.state.limits.image;
  if (file.size > most) {
    showError(byId("try-error"), { problem: `${file.name} is too large.`, expected: `at most ${most / 1e6} MB` });
    return;
  }
  ask(() => postImage(file));
}

function startDropping() {
  const zone = byId("panel-try"), mark = byId("drop-zone");
  zone.addEventListener("dragover", (event) => { event.preventDefault(); mark.classList.add("dropping"); });
  zone.addEventListener("dragleave", () => mark.classList.remove("dropping"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    mark.classList.remove("dropping");
    askFile(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => askFile([...(event.clipboardData?.files ?? [])][0]));
}

function startCamera() {
  // Browsers give the camera to pages of this machine and of https only; elsewhere the file button opens it on phones.
  const button = byId("camera"), view = byId("camera-view"), video = byId("video");
  if (!navigator.mediaDevices?.getUserMedia) { byId("image-file").setAttribute("capture", "environment"); return; }
  button.hidden = false;
  const switchOff = () => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    view.hidden = true;
    button.hidden = false;
  };
  button.addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      view.hidden = false;
      button.hidden = true;
      await video.play();
    } catch (error) {
      showError(byId("try-error"), { problem: "The camera cannot be used.", received: error.message });
    }
  });
  byId("camera-off").addEventListener("click", switchOff);
  byId("shoot").addEventListener("click", () => {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => { if (blob) ask(() => postImage(blob)); }, "image/png");
  });
}

async function startExamples() {
  const { images } = await request("api/examples");
  for (let place = 0; place < images; place += 1) {
    const button = element("button", { type: "button", text: `Example ${place + 1}` });
    button.addEventListener("click", () => ask(async () => postImage(await (await fetch(`api/examples/${place}.png`)).blob())));
    byId("example-buttons").append(button);
  }
}

function startNumbers(form) {
  byId("number-form").hidden = false;
  form.fields.forEach((field, place) => {
    const sizes = field.shape.map((size) => (size === -1 ? "any" : size)).join(" × ");
    const area = element("textarea", { id: `field-${place}`, spellcheck: false });
    byId("number-fields").append(
      element("p", {}, element("label", { htmlFor: area.id, text: `${field.name} (${sizes || 1}, ${field.dtype})` }), area),
    );
  });
  byId("number-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const inputs = Object.fromEntries(form.fields.map((field, place) => [field.name, byId(`field-${place}`).value]));
    ask(() => postJson("api/answers", { inputs }));
  });
  request("api/examples").then(({ texts }) => texts.forEach((example, place) => {
    const button = element("button", { type: "button", text: `Example ${place + 1}` });
    button.addEventListener("click", () => {
      form.fields.forEach((field, index) => { byId(`field-${index}`).value = example[field.name] ?? ""; });
      byId("number-form").requestSubmit();
    });
    byId("text-examples").append(button);
  })).catch((error) => showError(byId("try-error"), error));
}

// One request at a time: of those that come meanwhile only the last counts.
async function ask(make) {
  wanted = make;
  if (isAsking) return;
  isAsking = true;
  byId("cards").setAttribute("aria-busy", "true");
  while (wanted) {
    const next = wanted;
    wanted = null;
    try {
      const answer = await next();
      showError(byId("try-error"), null);
      // A drawing that was cleared meanwhile has no answer.
      if (!(next.isDrawing && board.isEmpty)) show(answer);
    } catch (error) {
      showError(byId("try-error"), error);
    }
  }
  isAsking = false;
  byId("cards").setAttribute("aria-busy", "false");
}

function showModels({ models }) {
  const cards = models.map((model, place) => {
    const size = `${model.runs_on}, ${kilobytes(model.size_bytes)}`;
    const card = element("li", { id: `card-${model.id}` },
      element("h3", { text: model.name }),
      element("p", { className: "muted", text: place ? size : `${size}, the reference` }),
      element("div", { className: "body" }));
    card.classList.toggle("reference", place === 0);
    return card;
  });
  byId("cards").replaceChildren(...cards);
  byId("summary").textContent = "No answer yet.";
}

function forgetAnswers() {
  for (const body of document.querySelectorAll("#cards .body")) body.replaceChildren();
  document.querySelectorAll("#cards > li").forEach((card) => card.classList.remove("differs"));
  byId("summary").textContent = "No answer yet.";
  byId("seen").hidden = true;
}

function show({ answers, seen }) {
  answers.forEach((answer, place) => showAnswer(answer, place === 0));
  const [first, ...others] = answers;
  const differing = others.filter((answer) => answer.error || answer.differences.length);
  const said = first.outputs?.[0]?.top ? `${first.name}: ${first.outputs[0].top[0].label}. ` : "";
  byId("summary").textContent = said + (
    !others.length ? "" : !differing.length ? `All ${answers.length} models agree.`
      : `${differing.length} of ${others.length} ${differing.length === 1 ? "differs" : "differ"}: ${differing.map((answer) => answer.name).join(", ")}.`);
  showSeen(seen);
}

function showAnswer(answer, isReference) {
  const card = byId(`card-${answer.id}`);
  if (!card) return;
  const body = card.querySelector(".body");
  card.classList.toggle("differs", Boolean(answer.error || answer.differences.length));
  if (answer.error) {
    const place = element("p", { className: "error" });
    showError(place, answer.error);
    body.replaceChildren(place);
    return;
  }
  const parts = answer.outputs.flatMap((output) => outputParts(output, answer.outputs.length > 1));
  for (const sentence of answer.differences) parts.push(element("p", { className: "difference", text: `≠ ${sentence}` }));
  if (!isReference && !answer.differences.length) parts.push(element("p", { className: "same", text: "= agrees" }));
  parts.push(element("p", { className: "muted", text: `${milliseconds(answer.latency_ms)} this time` }));
  body.replaceChildren(...parts);
}

function outputParts(output, isNamed) {
  const parts = isNamed ? [element("p", { className: "muted", text: output.name })] : [];
  if (output.top) {
    if (output.kind === "classes") parts.push(element("p", { className: "answer", text: output.top[0].label }));
    parts.push(scoreList(output.top.slice(0, 5)));
  } else if (output.shares) {
    parts.push(scoreList(output.shares));
  } else {
    const more = output.count > output.values.length ? `, … (${output.count} values)` : "";
    parts.push(element("p", { className: output.count === 1 ? "answer" : "", text: output.values.map(number).join(", ") + more }));
  }
  return parts;
}

function scoreList(entries) {
  const areShares = entries.every((entry) => entry.score === null || (entry.score >= 0 && entry.score <= 1));
  return element("ul", { className: "scores" }, ...entries.map((entry) => {
    const bar = element("span", { className: "bar", "aria-hidden": "true" });
    bar.style.width = areShares ? `${100 * (entry.score ?? 0)}%` : "0";
    const score = areShares && entry.score !== null ? percent(entry.score) : number(entry.score);
    return element("li", {}, element("span", { text: entry.label }), element("span", { text: score }), bar);
  }));
}

function showSeen(seen) {
  byId("seen").hidden = !seen;
  if (!seen) return;
  const canvas = byId("seen-canvas"), { width, height, channels } = seen;
  const bytes = Uint8Array.from(atob(seen.pixels), (character) => character.charCodeAt(0));
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      image.data[4 * place + channel] = bytes[place * channels + (channels === 1 ? 0 : channel)];
    }
    image.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
