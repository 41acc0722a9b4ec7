"""Seeded mutations of an exported program: of its bytes, of its members, and of values deep in its JSON."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from .archives import MODEL, PROGRAMS, WEIGHTS, members, write

#: What stands in for any value; one that were evaluated would leave the marker.
MARKER = "edgekit-marker"
_CODE = f"__import__('os').system('touch {MARKER}')"
_VALUES = (None, True, -1, 0, 2**31, 2**63, 10**30, 1e308, "", _CODE, [], {}, [[]], {"as_operator": "torch.hub.load"})
_STRINGS = ("torch.ops.aten.save.default", "torch.ops.aten.from_file.default", _CODE, "__class__", "s0", "x" * 5000)


def mutate(path: Path, seed: int) -> Path:
    """Write the mutation of this number to ``path``."""
    rng = random.Random(seed)
    name = rng.choice(("cnn", "several", "training"))
    kind = rng.randrange(4)
    if kind == 0:
        data = bytearray((PROGRAMS / f"{name}.pt2").read_bytes())
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])
        return path
    content = members(name)
    if kind == 1:
        old = rng.choice(list(content))
        new = rng.choice((old + "x", old.upper(), "models/" + old, "data/aotinductor/m/" + old, "../" + old, old))
        return write(path, {**content, new: content[old]}, (f"m/{old}", content[rng.choice(list(content))]))
    member = MODEL if kind == 2 else WEIGHTS
    parsed = json.loads(content[member])
    for _ in range(rng.randint(1, 3)):
        _change(parsed, rng)
    return write(path, content | {member: json.dumps(parsed).encode()})


def _change(parsed: Any, rng: random.Random) -> None:
    """Replace, drop or copy one value at any depth."""
    holder, place = parsed, None
    while isinstance(holder, dict | list) and holder:
        place = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if not isinstance(holder[place], dict | list) or not holder[place] or rng.random() < 0.1:
            break
        holder = holder[place]
    if place is None:
        return
    value, action = holder[place], rng.randrange(4)
    if action == 0:
        holder[place] = rng.choice(_STRINGS if isinstance(value, str) else _VALUES)
    elif action == 1:
        del holder[place]
    elif isinstance(value, int) and not isinstance(value, bool):
        holder[place] = value + rng.choice((-1, 1, 2**16, 2**40))
    elif isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), value)
    else:
        holder[rng.choice((_CODE, "as_operator", "use_pickle", str(place) + "_"))] = value
