// Loads what the studio holds, and switches between the tabs.

import { startComparison } from "./comparison.js";
import { startFiles } from "./files.js";
import { startLayers } from "./layers.js";
import { byId, request, showError } from "./page.js";
import { startTrying } from "./trying.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

function select(chosen, focus) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
  }
  if (focus) chosen.focus();
}

tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => select(tab, false));
  tab.addEventListener("keydown", (event) => {
    const targets = { ArrowRight: place + 1, ArrowLeft: place - 1 + tabs.length, Home: 0, End: tabs.length - 1 };
    if (!(event.key in targets)) return;
    event.preventDefault();
    select(tabs[targets[event.key] % tabs.length], true);
  });
});

const listeners = [];
// Called by every tab that shows models, at once and whenever they change.
const studio = {
  state: null,
  onModels(listener) { listeners.push(listener); listener(this.state); },
  async reload() {
    this.state = await request("api/models");
    listeners.forEach((listener) => listener(this.state));
  },
};

try {
  studio.state = await request("api/models");
  const { models, data, version } = studio.state;
  byId("subtitle").textContent = models.map((model) => model.name).join(", ") + (data ? ` on ${data}` : "");
  byId("footer").textContent = `edgekit ${version}. Nothing leaves the machine that the studio runs on.`;
  startTrying(studio);
  startComparison(studio);
  startLayers(studio);
  startFiles(studio);
  document.body.dataset.ready = "true";
} catch (error) {
  showError(byId("try-error"), error);
  byId("subtitle").textContent = "";
}
