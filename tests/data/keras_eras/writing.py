"""What the makers share: random weights, random inputs, the model's file and its own answers."""

import os
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def randomize(model, rng):
    weights = []
    for weight in model.get_weights():
        # Positive where it may be a variance, and small.
        low = -0.3 if weight.ndim > 1 else 0.05
        weights.append(np.asarray(rng.rand(*weight.shape) * 0.8 + low).astype(weight.dtype))
    model.set_weights(weights)


def deflate(path):
    """Keras stores the members of its zip as they are; packed they take a tenth."""
    with zipfile.ZipFile(path) as archive:
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content)


def write(name, model, index_limit=0, suffix=".h5", **options):
    """Save ``name.h5`` and ``name.npz`` with ``input_0``, …, ``output_0``, …"""
    rng = np.random.RandomState(0)
    randomize(model, rng)
    inputs = []
    for tensor in model.inputs:
        # Theano's tensors know their shape by another name.
        shape = getattr(tensor, "_keras_shape", None) or tuple(tensor.shape)
        shape = tuple(int(getattr(size, "value", size) or 2) for size in shape)
        values = rng.randint(0, index_limit, shape) if index_limit else rng.randn(*shape) * 2
        inputs.append(values.astype("float32"))
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    path = os.path.join(HERE, name)
    model.save(path + suffix, **options)
    if suffix == ".keras":
        deflate(path + suffix)
    arrays = {"input_%d" % number: value for number, value in enumerate(inputs)}
    arrays.update({"output_%d" % number: value for number, value in enumerate(outputs)})
    np.savez_compressed(path + ".npz", **arrays)
    print(name + suffix, os.path.getsize(path + suffix))
