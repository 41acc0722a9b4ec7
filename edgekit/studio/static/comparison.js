// The second tab: accuracy, size and latency of the variants, as a figure and as a table.

import { byId, element, kilobytes, milliseconds, number, percent, postJson, result, svg, withState } from "./page.js";

// Units are pixels: the figure is drawn as wide as its place, so that text keeps its size on a phone.
const SIZE = { width: 720, height: 400, left: 70, right: 16, top: 24, bottom: 52 };
const SHARES = ["top-1 accuracy", "agreement"];

let studio;
let rows = [];

export function startComparison(shared) {
  studio = shared;
  byId("compare-note").textContent = studio.state.data
    ? `Accuracy is measured on the part of ${studio.state.data} that is held back; latency is the median of 200 predictions here.`
    : "Without --data there is no accuracy: start the studio with --data NAME|PATH. Size and latency are measured anyway.";
  studio.onModels(({ models }) => {
    rows = models.map((model, place) => ({ ...model, is_reference: place === 0 }));
    byId("pareto").hidden = true;
    showTable();
  });
  byId("compare").addEventListener("click", compare);
  document.querySelectorAll("[name=axis]").forEach((radio) => radio.addEventListener("change", showFigure));
  window.addEventListener("resize", () => { if (!byId("pareto").hidden) showFigure(); });
}

function compare() {
  const parts = {
    button: byId("compare"), state: byId("compare-state"), error: byId("compare-error"),
    words: "Measuring. This can take a minute.",
  };
  return withState(parts, async () => {
    // A second click measures again.
    const again = rows.some((row) => row.p50_ms !== undefined);
    const found = await result(await postJson("api/comparison", { again }));
    rows = found.rows;
    showTable();
    showFigure();
    byId("pareto-caption").textContent = found.samples
      ? `${found.samples} examples of ${found.data}. Up and left is better. Hollow: another model is at least as good in both. `
        + "Bars: 95 % interval of the drop. Select a point to read it."
      : "";
  });
}

const value = (row) => (SHARES.includes(row.metric) ? percent(row.value, 2) : number(row.value));

function dropText(row) {
  if (row.drop === undefined || row.drop === null) return "–";
  const points = (share) => (100 * share).toFixed(2).replace("-", "−");
  const interval = row.interval ? ` (${points(row.interval[0])} to ${points(row.interval[1])})` : "";
  return `${points(row.drop)} points${interval}`;
}

function showTable() {
  const columns = [
    ["Model", (row) => row.name],
    [rows.find((row) => row.metric)?.metric ?? "Accuracy", (row) => (row.value === undefined || row.value === null ? "–" : value(row))],
    ["Drop, 95 % interval", dropText],
    ["Agreement", (row) => (row.agreement === undefined ? "–" : percent(row.agreement, 2))],
    ["Signal to noise", (row) => (row.snr_db === undefined || row.snr_db === null || row.is_reference ? "–" : `${row.snr_db.toFixed(1)} dB`)],
    ["Size", (row) => kilobytes(row.size_bytes)],
    ["Latency p50", (row) => (row.p50_ms === undefined ? "–" : milliseconds(row.p50_ms))],
  ];
  const head = element("tr", {}, ...columns.map(([name], place) =>
    element("th", { scope: "col", className: place ? "number" : "", text: name })));
  const body = rows.map((row) => element("tr", {}, ...columns.map(([, show], place) =>
    element(place ? "td" : "th", place
      ? { className: "number", "data-name": columns[place][0], text: show(row) } : { scope: "row", text: show(row) }))));
  byId("compare-table").replaceChildren(
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

// At least as good in both, and better in one.
const dominates = (one, other, axis) =>
  one[axis] <= other[axis] && one.value >= other.value && (one[axis] < other[axis] || one.value > other.value);

function niceStep(span) {
  const rough = span / 5, power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

function scale(low, high, from, to) {
  const at = (number_) => from + (number_ - low) / (high - low) * (to - from);
  const step = niceStep(high - low), ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) ticks.push(tick);
  return { at, ticks };
}

function showFigure() {
  const axis = document.querySelector("[name=axis]:checked").value;
  const points = rows.filter((row) => row.value !== undefined && row.value !== null && row[axis] !== undefined && !row.is_reference);
  byId("pareto").hidden = !points.length;
  if (!points.length) return;
  SIZE.width = Math.min(832, Math.max(280, byId("pareto-figure").clientWidth));
  SIZE.height = Math.round(Math.max(300, SIZE.width * 0.5));
  const isShare = SHARES.includes(points[0].metric);
  const unit = isShare ? 100 : 1;
  const reference = rows.find((row) => row.is_reference && row.value !== undefined);
  const spans = points.flatMap((row) => (row.interval ? row.interval.map((drop) => (reference?.value ?? row.value) - drop) : [row.value]));
  const values = [...points.map((row) => row.value), ...spans, ...(reference ? [reference.value] : [])].map((each) => each * unit);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  [low, high] = [low - margin, high + margin];
  // A share ends at 100 %.
  if (isShare) high = Math.min(high, 100);
  if (high <= low) low = high - 1;
  const most = 1.12 * Math.max(...points.map((row) => row[axis]));
  const factor = axis === "size_bytes" ? 1000 : 1;
  const x = scale(0, most / factor, SIZE.left, SIZE.width - SIZE.right);
  const y = scale(low, high, SIZE.height - SIZE.bottom, SIZE.top);
  const place = (row) => [x.at(row[axis] / factor), y.at(row.value * unit)];
  const parts = [...frame(x, y, axis, points[0].metric, isShare)];
  if (reference) {
    const height = y.at(reference.value * unit);
    parts.push(svg("line", { x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: height, y2: height, class: "reference" }));
    parts.push(text(SIZE.left + 6, height - 6, reference.name, "start"));
  }
  const front = points.filter((row) => !points.some((other) => dominates(other, row, axis))).sort((a, b) => a[axis] - b[axis]);
  parts.push(svg("polyline", { class: "front", points: front.map((row) => place(row).join(",")).join(" ") }));
  const taken = reference ? [labelBox(SIZE.left + 6, y.at(reference.value * unit) - 6, reference.name, "start")] : [];
  for (const row of points) parts.push(mark(row, place(row), front.includes(row), y, reference, unit, taken));
  byId("pareto-figure").replaceChildren(svg("svg", {
    viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, width: SIZE.width, height: SIZE.height, role: "group",
    "aria-label": `${points[0].metric} against ${axis === "size_bytes" ? "size" : "latency"}; the table below has the same figures`,
  }, ...parts));
}

function text(x, y, words, anchor = "middle") {
  const made = svg("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

function* frame(x, y, axis, metric, isShare) {
  const bottom = SIZE.height - SIZE.bottom;
  for (const tick of y.ticks) {
    yield svg("line", { x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y.at(tick), y2: y.at(tick), class: "grid" });
    yield text(SIZE.left - 8, y.at(tick) + 4, number(tick) + (isShare ? " %" : ""), "end");
  }
  for (const tick of x.ticks) {
    yield svg("line", { x1: x.at(tick), x2: x.at(tick), y1: bottom, y2: bottom + 5, class: "axis" });
    yield text(x.at(tick), bottom + 20, number(tick));
  }
  yield svg("line", { x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: bottom, y2: bottom, class: "axis" });
  yield text((SIZE.left + SIZE.width) / 2, SIZE.height - 8, axis === "size_bytes" ? "size, kB" : "median latency here, ms");
  yield text(SIZE.left, 14, metric, "start");
}

// About the place that a label takes: its letters are 7.4 units wide.
function labelBox(x, y, words, anchor) {
  const width = 7.4 * words.length;
  return { left: anchor === "end" ? x - width : x, right: anchor === "end" ? x : x + width, y };
}

const overlap = (one, other) => one.left < other.right && other.left < one.right && Math.abs(one.y - other.y) < 16;

function mark(row, [x, y], isOnFront, scaleY, reference, unit, taken) {
  const words = `${row.name}: ${row.metric} ${value(row)}, ${kilobytes(row.size_bytes)}, ${milliseconds(row.p50_ms)}, drop ${dropText(row)}`;
  const title = svg("title");
  title.textContent = words;
  const group = svg("g", { tabindex: 0, role: "img", "aria-label": words, class: isOnFront ? "" : "dominated" }, title);
  if (row.interval && reference) {
    const [top, bottom] = row.interval.map((drop) => scaleY.at((reference.value - drop) * unit));
    group.append(svg("line", { x1: x, x2: x, y1: Math.max(top, SIZE.top), y2: Math.min(bottom, SIZE.height - SIZE.bottom), class: "whisker" }));
  }
  group.append(svg("circle", { cx: x, cy: y, r: 8, class: "point" }));
  const isRight = x + 7.4 * row.name.length + 12 > SIZE.width;
  const [start, anchor] = isRight ? [x - 12, "end"] : [x + 12, "start"];
  // Names that would lie on each other move away from the points.
  let box = labelBox(start, y - 14, row.name, anchor);
  while (taken.some((other) => overlap(box, other))) box = labelBox(start, box.y - 17, row.name, anchor);
  taken.push(box);
  group.append(text(start, box.y, row.name, anchor));
  const say = () => { byId("pareto-caption").textContent = words; };
  for (const name of ["focus", "pointerenter", "click"]) group.addEventListener(name, say);
  return group;
}
