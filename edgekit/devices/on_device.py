"""The program that runs on a device and predicts arrays. It needs only the device runtime and Python 3.9.

python on_device.py MODEL INPUTS.npz OUTPUTS.npz
"""

from __future__ import annotations

import json
import platform
import sys

import numpy as np

import edgekit_runtime
from edgekit_runtime.errors import EdgekitError


def main(model_file: str, inputs_file: str, outputs_file: str) -> int:
    """Write the predictions and print the device description as JSON; an error is printed as JSON, with exit code 1."""
    try:
        model = edgekit_runtime.load(model_file)
        with np.load(inputs_file, allow_pickle=False) as arrays:
            inputs = {info.name: arrays[f"arr_{number}"] for number, info in enumerate(model.inputs)}
        outputs = model.predict_named(inputs)
    except EdgekitError as error:
        print(json.dumps(error.to_dict()))
        return 1
    np.savez(outputs_file, *(outputs[info.name] for info in model.outputs))
    facts = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "interpreter": f"{model.interpreter} {model.interpreter_version}",
    }
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
