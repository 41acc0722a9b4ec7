// The third tab: the layers with the noise that each adds, worst first; one opens to the range of its tensor.

import { byId, element, number, percent, postJson, result, withState } from "./page.js";

const CLEAN_DB = 60; // more than this is a full-length silence

export function startLayers(studio) {
  byId("layers-note").textContent = studio.state.has_layers
    ? "The signal-to-noise ratio of what a layer adds itself, without the noise that it inherits. 20 dB and less is much."
    : "Layers need the Keras model first, a variant and --data: edgekit studio model.h5 model-int8.tflite --data NAME|PATH";
  studio.onModels(({ models, has_layers: hasLayers }) => {
    const variants = models.filter((model) => model.is_variant);
    byId("layers-model").replaceChildren(...variants.map((model) => element("option", { value: model.id, text: model.name })));
    const isPossible = hasLayers && variants.length > 0;
    byId("rank").disabled = byId("layers-model").disabled = !isPossible;
    byId("layer-list").replaceChildren();
  });
  byId("rank").addEventListener("click", () => {
    const parts = {
      button: byId("rank"), state: byId("layers-state"), error: byId("layers-error"),
      words: "Running both models layer by layer. This can take a minute.",
    };
    return withState(parts, async () => {
      const { layers } = await result(await postJson("api/layers", { model: byId("layers-model").value }));
      byId("layer-list").replaceChildren(...layers.map(layerItem));
    });
  });
}

const decibels = (value) => (value === null ? "fused" : value >= 200 ? "exact" : `${value.toFixed(1)} dB`);

function layerItem(layer, place) {
  const meter = element("span", { className: "meter", "aria-hidden": "true" });
  if (layer.added_snr_db !== null) {
    const noise = element("span");
    noise.style.width = `${Math.max(0, Math.min(100, 100 * (1 - layer.added_snr_db / CLEAN_DB)))}%`;
    meter.append(noise);
  }
  const range = element("div", { className: "range", id: `range-${place}`, hidden: true });
  const button = element("button", { type: "button", "aria-expanded": "false", "aria-controls": range.id },
    element("span", { className: "name" }, element("strong", { text: layer.layer }), ` ${layer.kind}`),
    meter,
    element("span", { text: decibels(layer.added_snr_db) }));
  button.addEventListener("click", () => {
    range.hidden = !range.hidden;
    button.setAttribute("aria-expanded", String(!range.hidden));
    if (!range.hasChildNodes()) range.append(...rangeParts(layer));
  });
  return element("li", {}, button, range);
}

function rangeParts(layer) {
  const facts = [
    ["Values of the Keras layer", `${number(layer.minimum)} to ${number(layer.maximum)}`],
    ["Signal to noise, inherited noise included", decibels(layer.snr_db)],
    ["Tensor", layer.tensor === null ? "none: the converter fused the layer into a later one" : `${layer.index}: ${layer.tensor}`],
    ["Type", layer.dtype ?? "–"],
  ];
  const held = heldRange(layer);
  if (held) {
    facts.push(["Tensor holds", `${number(held[0])} to ${number(held[1])}`]);
    facts.push(["Scale, zero point", `${number(layer.scale)}, ${layer.zero_point}`]);
    facts.push(["Values outside of it", layer.clipped ? percent(layer.clipped, 3) : "none"]);
  }
  const list = element("dl", {}, ...facts.flatMap(([name, words]) => [element("dt", { text: name }), element("dd", { text: words })]));
  return held ? [rangeFigure(layer, held), list] : [list];
}

function heldRange({ scale, zero_point: zero, dtype }) {
  const codes = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] }[dtype];
  return scale === null || !codes ? null : codes.map((code) => scale * (code - zero));
}

// Two bars over the same axis.
function rangeFigure(layer, held) {
  const low = Math.min(held[0], layer.minimum), high = Math.max(held[1], layer.maximum);
  const share = (value) => 100 * (value - low) / (high - low || 1);
  const bar = (from, to, name) => {
    const made = element("span", { className: name });
    made.style.marginLeft = `${share(from)}%`;
    made.style.width = `${Math.max(0.5, share(to) - share(from))}%`;
    return element("div", { className: "axis" }, made);
  };
  return element("div", { className: "ranges", "aria-hidden": "true" },
    element("p", { text: "Range of the tensor" }), bar(held[0], held[1], "held"),
    element("p", { text: "Values of the layer" }), bar(layer.minimum, layer.maximum, "used"));
}
