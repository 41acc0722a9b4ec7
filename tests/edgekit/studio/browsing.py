"""Uses the studio in headless Chromium as a user would, and tells what it showed, asked for and complained of.

Run as ``python browsing.py studio|sample ADDRESS WIDTH light|dark FOLDER [AXE]``; prints JSON and leaves pictures in
FOLDER. AXE is axe.min.js. A process of its own: starting Chromium forks, which a process with threads should not.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHROMIUM = Path(__file__).parent.parent / "reports" / "chromium.py"
#: A seven, in shares of the board.
SEVEN = [(0.25, 0.2), (0.5, 0.2), (0.75, 0.2), (0.65, 0.4), (0.55, 0.6), (0.45, 0.85)]
_SECONDS = 240.0


def load_chromium() -> Any:
    spec = importlib.util.spec_from_file_location("chromium", CHROMIUM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page:
    """One page in a browser."""

    def __init__(self, browser: Any, width: int, scheme: str) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return dict(self.browser.call(method, self.session, **parameters))

    def run(self, expression: str) -> Any:
        """The value of JavaScript; promises are awaited."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        end = time.monotonic() + _SECONDS
        while not self.run(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression}; {self.run('document.body.innerText')}")
            time.sleep(0.1)

    def mouse(self, kind: str, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def press(self, key: str, times: int = 1) -> None:
        text = {" ": " "}.get(key, "")
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code="Space" if text else key, text=text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code="Space" if text else key)

    def click(self, identifier: str) -> None:
        self.run(f"document.getElementById('{identifier}').scrollIntoView({{block: 'center'}})")
        box = self.run(f"document.getElementById('{identifier}').getBoundingClientRect().toJSON()")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y)

    def picture(self, path: Path) -> int:
        """Save the whole page, and return how wide it is."""
        width, height = self.run("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
        return int(width)


def use_studio(page: Page, address: str, folder: Path, axe: str) -> dict[str, Any]:
    page.call("Page.navigate", url=address)
    page.wait("document.body && document.body.dataset.ready")
    found: dict[str, Any] = {"widths": {}, "axe": []}

    def look(name: str) -> None:
        found["widths"][name] = page.picture(folder / f"{name}.png")
        if axe:
            page.run(axe + "\n;true")
            violations = page.run("axe.run().then((result) => result.violations)")
            found["axe"] += [
                [name, each["id"], each["impact"], [node["target"] for node in each["nodes"]]] for each in violations
            ]

    draw(page)
    page.wait(ANSWERED)
    found["summary"] = page.run(SUMMARY)
    found["cards"] = page.run("[...document.querySelectorAll('#cards > li')].map((card) => card.innerText)")
    found["scores"] = page.run(
        "[...document.querySelectorAll('#cards > li')].map((card) => [...card.querySelectorAll('.scores li')].map("
        "(row) => [...row.querySelectorAll('span')].map((part) => part.textContent)))"
    )
    found["drawing"] = page.run(DRAWING)
    look("try")
    page.click("tab-compare")
    page.click("compare")
    page.wait("!document.getElementById('compare').disabled")
    found["comparison"] = page.run("document.getElementById('compare-table').innerText")
    found["points"] = page.run("document.querySelectorAll('#pareto-figure circle').length")
    look("compare")
    page.click("tab-layers")
    page.click("rank")
    page.wait("!document.getElementById('rank').disabled")
    page.run("document.querySelector('#layer-list button')?.click()")
    found["layers"] = page.run("document.getElementById('layer-list').innerText")
    look("layers")
    page.click("tab-files")
    page.run("document.getElementById('file-model').selectedIndex = 1")
    page.run("document.getElementById('file-model').dispatchEvent(new Event('change'))")
    page.wait("document.getElementById('file-details').innerText.includes('golden')")
    page.wait("document.getElementById('variant-command').innerText.includes('edgekit convert')")
    found["files"] = page.run("document.getElementById('file-details').innerText")
    found["command"] = page.run("document.getElementById('variant-command').innerText")
    look("files")
    return found


SUMMARY = "document.getElementById('summary').textContent"
ANSWERED = f"{SUMMARY} !== 'No answer yet.' && document.getElementById('cards').getAttribute('aria-busy') === 'false'"
#: The picture that was sent, without letting Chromium save it.
DRAWING = """(() => {
  const link = document.getElementById("save-drawing");
  link.addEventListener("click", (event) => event.preventDefault());
  link.click();
  return link.href;
})()"""


def draw(page: Page) -> None:
    """Draw a seven with the mouse."""
    page.run("document.getElementById('board').scrollIntoView({block: 'center'})")
    box = page.run("document.getElementById('board').getBoundingClientRect().toJSON()")
    points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in SEVEN]
    page.mouse("mousePressed", *points[0])
    for point in points[1:]:
        page.mouse("mouseMoved", *point)
    page.mouse("mouseReleased", *points[-1])


def draw_with_keys(page: Page) -> str:
    """Draw a one with the keyboard alone, and return what the page says of the pen."""
    page.run("document.getElementById('tab-try').focus()")
    page.press("Tab", 2)
    assert page.run("document.activeElement.id") == "board", page.run("document.activeElement.outerHTML")
    page.press("ArrowUp", 9)
    page.press(" ")
    page.press("ArrowDown", 18)
    said = page.run("document.getElementById('pen-state').textContent")
    page.press(" ")
    return str(said)


def use_sample(page: Page, address: str, folder: Path, axe: str) -> dict[str, Any]:
    """Draw on the page of ``samples/http_service.py``."""
    page.call("Page.navigate", url=address)
    page.wait("document.readyState === 'complete' && document.getElementById('scores') !== null")
    draw(page)
    page.wait("!isAsking && document.getElementById('scores').children.length > 0")
    found = {
        "label": page.run("document.getElementById('label').textContent"),
        "scores": page.run("[...document.querySelectorAll('#scores li')].map((row) => row.innerText)"),
        "drawing": page.run("board.picture.toDataURL('image/png')"),
        "width": page.picture(folder / "sample.png"),
    }
    if axe:
        # The page's own policy stops scripts of others: axe runs outside of the page's world.
        page.call("Page.setBypassCSP", enabled=True)
        page.run(axe + "\n;true")
        found["axe"] = page.run("axe.run().then((result) => result.violations.map((each) => each.id))")
    return found


def use_everything(page: Page, address: str, folder: Path, axe: str) -> dict[str, Any]:
    found = use_studio(page, address, folder, axe)
    page.call("Page.reload")
    page.wait("document.body && document.body.dataset.ready")
    found["pen"] = draw_with_keys(page)
    page.wait(ANSWERED)
    return found | {"summary_of_keys": page.run(SUMMARY)}


USES = {"studio": use_everything, "sample": use_sample}


def browse(what: str, address: str, width: int, scheme: str, folder: Path, axe: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chromium = load_chromium()
        browser = chromium.Browser(chromium.find_chromium() or "", profile)
        try:
            found = USES[what](Page(browser, width, scheme), address, folder, axe)
            events = browser.events
        finally:
            browser.close()
    return found | {
        "requests": [
            event["params"]["request"]["url"] for event in events if event.get("method") == "Network.requestWillBeSent"
        ],
        "complaints": [
            event["params"].get("entry", event["params"])
            for event in events
            if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ],
    }


if __name__ == "__main__":
    what, address, width, scheme, folder, *axe = sys.argv[1:]
    script = Path(axe[0]).read_text() if axe else ""
    print(json.dumps(browse(what, address, int(width), scheme, Path(folder), script)))
