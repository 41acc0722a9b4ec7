"""Lowers damaged SavedModels, each in a process of its own, and says what came of them.

``python mutations.py SEED FIRST LAST FOLDER …``: prints a line ``NUMBER kind outcome seconds megabytes`` for each; the
seconds are of the process's CPU, the megabytes its peak, TensorFlow included. Run it in an empty folder, which must
stay so.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

#: What no conversion may run; the names replace those of honest operators.
HOSTILE = ("ReadFile", "WriteFile", "SaveV2", "MatchingFiles", "DatasetToTFRecord", "CacheDatasetV2", "EagerPyFunc")
_SECONDS = 5


def flip(content: bytes, dice: random.Random) -> bytes:
    """Change up to 20 bytes."""
    changed = bytearray(content)
    for _ in range(dice.randrange(1, 20)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def cut(content: bytes, dice: random.Random) -> bytes:
    """Take a piece out."""
    start = dice.randrange(len(content))
    return content[:start] + content[start + dice.randrange(1, 2000) :]


def repeat(content: bytes, dice: random.Random) -> bytes:
    """Put a piece in once more, elsewhere."""
    start, place = dice.randrange(len(content)), dice.randrange(len(content))
    return content[:place] + content[start : start + dice.randrange(1, 2000)] + content[place:]


def truncate(content: bytes, dice: random.Random) -> bytes:
    """Leave the end out."""
    return content[: dice.randrange(len(content))]


def change_graph(content: bytes, dice: random.Random) -> bytes:
    """Change a well-formed graph: other operators, inputs, functions and sizes."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved_model = SavedModel.FromString(content)
    graph = saved_model.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    for _ in range(dice.randrange(1, 4)):
        node, other = dice.choice(nodes), dice.choice(nodes)
        match dice.randrange(5):
            case 0:
                node.op = dice.choice((*HOSTILE, other.op))
            case 1 if node.input:
                node.input[dice.randrange(len(node.input))] = other.name
            case 2 if node.attr:
                node.attr[dice.choice(sorted(node.attr))].i = dice.choice((-1, 0, 2**31, 2**62))
            case 3:
                node.attr["f"].func.name = dice.choice(graph.library.function).signature.name
            case 4:
                for dimension in node.attr["value"].tensor.tensor_shape.dim:
                    dimension.size = dice.choice((-1, 0, 2**20, 2**40))
    return saved_model.SerializeToString()


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, cut, repeat, truncate, change_graph, change_graph)


def lower(folder: Path) -> str:
    """Lower a folder; what came of it in a word."""
    from edgekit_converters.lowering.saved_model import LoadedSavedModel
    from edgekit_runtime.errors import EdgekitError

    try:
        LoadedSavedModel(folder).lower()
    except EdgekitError as error:
        return type(error).__name__
    return "lowered"


def in_a_child(folder: Path) -> tuple[str, float, int]:
    """Outcome, seconds of CPU, and peak megabytes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        started = time.process_time()
        try:
            outcome = lower(folder)
        except BaseException as error:
            outcome = f"unexpected:{type(error).__name__}"
        os.write(writer, f"{outcome} {time.process_time() - started:.2f}".encode())
        os._exit(0)
    os.close(writer)
    _, status, usage = os.wait4(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    megabytes = usage.ru_maxrss // 1024
    if not said:
        return f"signal:{os.WTERMSIG(status)}", usage.ru_utime + usage.ru_stime, megabytes
    outcome, seconds = said.split()
    return outcome, float(seconds), megabytes


def main() -> None:
    import tensorflow  # noqa: F401

    seed, first, last = map(int, sys.argv[1:4])
    folders = [Path(folder) for folder in sys.argv[4:]]
    with tempfile.TemporaryDirectory() as work:
        for number in range(first, last):
            dice = random.Random(seed * 1_000_000 + number)
            folder = Path(work) / str(number)
            shutil.copytree(dice.choice(folders), folder)
            kind = KINDS[number % len(KINDS)]
            files = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
            # A graph is changed in the graph; bytes are in any of the files.
            file = folder / (files[0] if kind is change_graph else dice.choice((files[0], *files)))
            file.write_bytes(kind(file.read_bytes(), dice))
            print(number, kind.__name__, *in_a_child(folder), flush=True)
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
