"""Sort the images that arrive in a folder by what they show: ``python watch_folder.py model.tflite INBOX SORTED``.

An image goes to SORTED/LABEL; what cannot be read goes to SORTED/failed. SORTED/answers.jsonl gets a line for each.
``--once`` handles what is there and ends; ``--public-key KEY`` accepts only a model that was signed with that key.
``watch-folder.service`` runs this program under systemd.
"""

import argparse
import contextlib
import json
import shutil
import signal
import sys
import time
from pathlib import Path

import edgekit_runtime
from edgekit_runtime.errors import DataError
from edgekit_runtime.printable_text import one_line

PAUSE_S = 1.0


def suffixes():
    """Those of all formats that the installed Pillow reads, in small letters."""
    from PIL import Image

    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}


def sizes(inbox):
    """Regular files that are images, and their sizes; hidden ones are those that a program still writes."""
    found, readable = {}, suffixes()
    for path in sorted(inbox.iterdir()):
        if path.suffix.lower() in readable and not path.name.startswith(".") and path.is_file():
            found[path] = path.stat().st_size
    return found


def handle(model, path, target):
    """Classify one image, write its line, and move it; the line first, so that none is lost."""
    try:
        answer = model.classify(path)[0]
        # A label may be "T-shirt/top", and a folder's name may not.
        line = {"file": path.name, **answer.to_dict()}
        folder = one_line(answer.label, longest=60).replace("/", "-").strip(".") or "unnamed"
    except DataError as error:
        line, folder = {"file": path.name, "error": str(error).splitlines()[0]}, "failed"
    (target / folder).mkdir(parents=True, exist_ok=True)
    with (target / "answers.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    # Two images may have one name: the later one gets a number.
    place, number = target / folder / path.name, 1
    while place.exists():
        place = target / folder / f"{path.stem}-{number}{path.suffix}"
        number += 1
    shutil.move(str(path), str(place))
    print(f"{one_line(path.name)}: {folder}", flush=True)


def main(options):
    """Look again and again; an image whose size has not changed since the last look is whole."""
    model = edgekit_runtime.load(options.model, public_key=options.public_key, watch=True)
    before = sizes(options.inbox) if options.once else {}
    while True:
        now = sizes(options.inbox)
        for path, size in now.items():
            if size and before.get(path) == size:
                handle(model, path, options.sorted)
        if options.once:
            return
        before = now
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    # systemd's "stop": end between two images or within the pause, with exit code 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("model")
    parser.add_argument("inbox", type=Path)
    parser.add_argument("sorted", type=Path)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--public-key", help="PEM file of the key that the model has to be signed with")
    with contextlib.suppress(KeyboardInterrupt):
        main(parser.parse_args())
