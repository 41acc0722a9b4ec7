"""Damages .tflite files, seeded, and loads and runs each; a program of its own because native code may crash.

``python damage.py SEED COUNT MODEL …``: prints one line before and one after each file, so that the parent knows
which file a crash or a hang belongs to: ``SEED-NUMBER kind model`` and then ``refused``, ``ran`` or the bad news.
``--bare`` leaves the runtime out, for comparison.
"""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path


def structure_ranges(content: bytes) -> list[range]:
    """The bytes that are not weights: everything outside the largest quarter of the constant tensors."""
    from edgekit_runtime.flatbuffer import FlatBuffer

    places = [buffer.vector_place(0, "data") for buffer in FlatBuffer(content).root().tables(4, "buffer")]
    weights = sorted((start, start + size) for start, size in places if size >= 64)
    ranges, position = [], 0
    for start, stop in weights:
        ranges.append(range(position, start))
        position = stop
    ranges.append(range(position, len(content)))
    return [part for part in ranges if len(part)]


def flip_structure(content: bytes, dice: random.Random) -> bytes:
    ranges = structure_ranges(content)
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 8))):
        part = dice.choices(ranges, weights=[len(r) for r in ranges])[0]
        damaged[dice.choice(part)] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def overwrite_structure(content: bytes, dice: random.Random) -> bytes:
    """Replace one aligned 32-bit number outside the weights by an extreme one."""
    part = dice.choice(structure_ranges(content))
    place = min(dice.choice(part) & ~3, len(content) - 4)
    value = dice.choice((0, 1, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content), dice.getrandbits(32)))
    return content[:place] + struct.pack("<I", value) + content[place + 4 :]


def flip_anywhere(content: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 4, 64))):
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def cut_out(content: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(8, len(content))
    return content[:start] + content[start + dice.randrange(1, 256) :]


def splice(content: bytes, dice: random.Random) -> bytes:
    """Move a piece of the file somewhere else in it."""
    size = dice.randrange(1, 512)
    start, target = dice.randrange(len(content)), dice.randrange(8, len(content))
    piece = content[start : start + size]
    return content[:target] + piece + content[target + len(piece) :]


KINDS = (flip_structure, overwrite_structure, flip_anywhere, truncate, cut_out, splice)


def damaged_file(seed: int, number: int, contents: list[bytes]) -> tuple[str, int, bytes]:
    dice = random.Random(seed * 1_000_000 + number)
    kind = KINDS[number % len(KINDS)]
    which = dice.randrange(len(contents))
    return kind.__name__, which, kind(contents[which], dice)


def run_with_runtime(content: bytes) -> str:
    import numpy as np

    import edgekit_runtime
    from edgekit_runtime.errors import EdgekitError

    try:
        model = edgekit_runtime.load(content)
        inputs = {i.name: np.zeros([max(size, 1) for size in i.shape], i.dtype) for i in model.inputs}
        model.predict(inputs)
    except EdgekitError as error:
        return f"refused: {type(error).__name__}"
    return "ran"


def run_bare(content: bytes) -> str:
    import numpy as np

    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tflite_runtime.interpreter import Interpreter
    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            interpreter.get_tensor(detail["index"])
    except Exception as error:
        return f"refused: {type(error).__name__}"
    return "ran"


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--bare"]
    run = run_bare if "--bare" in sys.argv else run_with_runtime
    seed, first, last = (int(text) for text in arguments[:3])
    contents = [Path(path).read_bytes() for path in arguments[3:]]
    for number in range(first, last):
        kind, which, content = damaged_file(seed, number, contents)
        print(f"{number} {kind} {Path(arguments[3 + which]).name}", flush=True)
        print(run(content), flush=True)


if __name__ == "__main__":
    main()
