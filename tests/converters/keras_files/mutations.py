"""Mutates Keras files and scans them, in a process of its own: ``python mutations.py SEED COUNT``.

Half of the mutants are descriptions changed as JSON, half are files changed as bytes. The last line of the output is
a JSON object of what came of them.
"""

from __future__ import annotations

import copy
import io
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attack_files as attack
import h5py
import numpy as np
from measured import peak_memory_bytes

from edgekit_converters.keras_files.container import open_keras_file
from edgekit_converters.keras_files.hdf5 import Array
from edgekit_converters.keras_files.summary import summarize
from edgekit_runtime.errors import EdgekitError

SECONDS_FOR_ONE = 5
_STRINGS = [
    "Lambda", "__lambda__", "function", "os", "keras.utils", "Custom>Dense", "Dense", "", "\x00", "../..", "TFSMLayer",
    "é" * 40, "\ud7ff", "4wEAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "gASVIwAAAAAAAACMCGJ1aWx0aW5zlIwE", "a" * 5000,
]  # fmt: skip
_NUMBERS = [0, -1, 1, 2**31, 2**63, -(2**63), 10**23, 1.5, 1e308, float("nan"), float("-inf"), True, None]
_KEYS = ["class_name", "config", "module", "registered_name", "layers", "layer", "name", "function", "mode_type", "x"]


def descriptions() -> list[dict[str, Any]]:
    """A description with some of everything, and one that is plain."""
    marker = Path("marker")
    inner = attack.sequential(attack.dense("inner"), attack.lambda_2(marker))
    call = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["input", 0, 0]},
    }
    layers = [
        attack.dense(),
        {"class_name": "Conv1D", "config": {"name": "conv", "filters": 2, "kernel_size": [3], "strides": 1}},
        {"class_name": "TimeDistributed", "config": {"name": "wrapper", "layer": inner}},
        {**attack.dense_3("second"), "inbound_nodes": [{"args": [call], "kwargs": {"mask": None}}]},
        attack.lambda_3(marker),
        attack.lambda_calling("os", "system", {"command": "true"}),
    ]
    compile_state = {"loss": attack.function("builtins", "my_loss")}
    return [attack.sequential(*layers, compile_config=compile_state), attack.sequential(*layers[:2])]


def hdf5_files() -> list[bytes]:
    """Small files of the layouts that HDF5 has for groups, attributes and arrays."""
    files = []
    for version in ("earliest", "v108"):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w", libver=(version, "latest")) as file:
            file.attrs["keras_version"] = "2.2.4"
            file.attrs["model_config"] = json.dumps(attack.sequential(attack.dense()))
            group = file.create_group("model_weights")
            group.attrs["layer_names"] = ["dense", "packed", *(f"more_{i}" for i in range(12))]
            group.attrs["backend"] = "tensorflow"
            for i in range(12):
                group.attrs[f"attribute_{i}"] = i
                group.create_group(f"more_{i}").attrs["weight_names"] = np.zeros(0)
            group["dense/kernel:0"] = np.ones((3, 2), np.float32)
            packed = {"chunks": (10, 7), "compression": "gzip", "shuffle": True, "fletcher32": True}
            group.create_dataset("packed/kernel:0", data=np.arange(300.0).reshape(20, 15), **packed)
        files.append(buffer.getvalue())
    return files


def mutated_json(value: Any, rng: random.Random) -> Any:
    """A copy of a description with some of its values replaced, moved, repeated or nested."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        holders = [value]
        for holder in holders:
            members = holder.values() if isinstance(holder, dict) else holder
            holders += [member for member in members if isinstance(member, (dict, list)) and member]
        holder = rng.choice(holders)
        if not holder:  # all of it was removed
            break
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        change = rng.randrange(7)
        if change == 0:
            holder[key] = rng.choice(_STRINGS)
        elif change == 1:
            holder[key] = rng.choice(_NUMBERS)
        elif change == 2:
            holder[key] = copy.deepcopy(rng.choice(holders))
        elif change == 3:
            for _ in range(rng.choice((1, 20, 120))):
                holder[key] = [holder[key]] if rng.random() < 0.5 else {rng.choice(_KEYS): holder[key]}
        elif change == 4 and isinstance(holder, dict):
            holder[rng.choice(_KEYS)] = copy.deepcopy(holder[key])
        elif change == 5:
            holder[key] = [holder[key]] * rng.choice((0, 2, 300))
        else:
            holder.pop(key)
        if len(json.dumps(value)) > 1 << 20:
            break
    return value


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """A copy of a file with some bytes, numbers or its end changed."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8, 16))):
        at = rng.randrange(len(changed))
        change = rng.randrange(6)
        if change == 0:
            changed[at] = rng.randrange(256)
        elif change == 1:
            changed[at] ^= 1 << rng.randrange(8)
        elif change == 2:
            number = rng.choice((0, 1, 2**31, 2**63, 2**64 - 1, len(changed), rng.randrange(len(changed))))
            changed[at : at + 8] = number.to_bytes(8, "little")
        elif change == 3:
            start = rng.randrange(len(changed))
            changed[at : at + 64] = changed[start : start + 64]
        elif change == 4:
            changed[at : at + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f"))
        elif rng.random() < 0.1:
            del changed[max(at, 8) :]
    return bytes(changed)


def write_mutant(path: Path, rng: random.Random, bases: list[bytes], models: list[dict[str, Any]]) -> None:
    """One mutant; the kinds take turns."""
    kind, model = rng.randrange(8), rng.choice(models)
    if kind < 4:
        path.write_bytes(mutated_bytes(rng.choice(bases), rng))
    elif kind == 4:
        text = json.dumps(model)
        at = rng.randrange(len(text))
        broken = text[:at] + rng.choice(("", "{", "[", '"', "\\", "\\ud800", "9" * 50)) + text[at + rng.randrange(20) :]
        write_h5(path, broken)
    elif kind < 7:
        write_h5(path, json.dumps(mutated_json(model, rng)))
    else:
        attack.write_keras(path, mutated_json(model, rng), attack.weights_3())
        if rng.random() < 0.5:
            path.write_bytes(mutated_bytes(path.read_bytes(), rng))


def write_h5(path: Path, config: str) -> None:
    """An ``.h5`` file with the text of a description."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.11.0"
        file.attrs["model_config"] = config


def outcome(path: Path) -> str:
    """Read all arrays and attributes of one file, then scan, upgrade and summarize it."""
    try:
        with open_keras_file(path) as file:
            for _, item in file.weights.walk():
                if isinstance(item, Array):
                    item.read()
                else:
                    dict(item.attrs)
        summary = summarize(path)
    except EdgekitError as error:
        str(error)
        return type(error).__name__
    return "refused" if summary.refusal else "accepted"


def main(seed: int, count: int) -> None:
    """Scan ``count`` mutants; a mutant that raises anything but an EdgekitError, or hangs, ends the process."""
    rng = random.Random(seed)
    bases, models = hdf5_files(), descriptions()
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.h5"
        for number in range(count):
            write_mutant(path, rng, bases, models)
            print(f"mutant {number}", flush=True)
            # Seconds of computing: other processes of a busy machine don't count.
            signal.setitimer(signal.ITIMER_PROF, SECONDS_FOR_ONE)
            start = time.process_time()
            outcomes[outcome(path)] += 1
            slowest = max(slowest, time.process_time() - start)
            signal.setitimer(signal.ITIMER_PROF, 0)
    print(json.dumps({"outcomes": outcomes, "slowest_seconds": slowest, "memory_bytes": peak_memory_bytes()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
