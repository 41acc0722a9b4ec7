"""The program that times models in turn on a device. It needs only the device runtime and Python 3.9.

python time_in_turn.py ROUNDS SECONDS MODEL [MODEL …]

Each round times a short burst of single predictions of every model, so that all see the same load; every second round
goes through the models backwards, because the state of the caches affects the next one.
"""

from __future__ import annotations

import json
import platform
import sys
import time

import edgekit_runtime
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.tensor_info import zeros

_BURST_S = 0.004
_WARM_UP = 3


def main(rounds: str, seconds: str, *paths: str) -> int:
    """Print the seconds per prediction of each round as JSON; an error is printed as JSON, with exit code 1."""
    try:
        models = [edgekit_runtime.load(path) for path in paths]
        calls = [max(1, int(_BURST_S / _burst(model, _WARM_UP))) for model in models]
        times: list[list[float]] = []
        start = time.perf_counter()
        while len(times) < int(rounds) or time.perf_counter() - start < float(seconds):
            order = range(len(models)) if len(times) % 2 else reversed(range(len(models)))
            taken = {number: _burst(models[number], calls[number]) for number in order}
            times.append([taken[number] for number in range(len(models))])
    except EdgekitError as error:
        print(json.dumps(error.to_dict()))
        return 1
    interpreter = f"{models[0].interpreter} {models[0].interpreter_version}"
    print(json.dumps({"rounds_s": times, "machine": platform.machine(), "interpreter": interpreter}))
    return 0


def _burst(model: edgekit_runtime.Model, calls: int) -> float:
    """Seconds per prediction."""
    batch = zeros(model.inputs)
    start = time.perf_counter()
    for _ in range(calls):
        model.predict(batch)
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
