"""Files that attack: each is refused at its place, and its payload leaves no marker."""

from __future__ import annotations

import base64
import io
import marshal
import pickle
import re
import struct
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attack_files as attack
import h5py
import numpy as np
import pytest

from edgekit_converters.keras_files.container import open_keras_file
from edgekit_converters.keras_files.scan import require_safe, scan
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

Build = Callable[[Path, Path], Path]


def scan_path(path: Path) -> None:
    """Open and scan, as loading does first."""
    with open_keras_file(path) as file:
        require_safe(scan(file))


def h5(*layers: Callable[[Path], Any], **more: Any) -> Build:
    """An ``.h5`` file of the layers that the functions give for a marker."""
    return lambda folder, marker: attack.write_h5(
        folder / "model.h5", attack.sequential(*(layer(marker) for layer in layers)), **more
    )


def keras(*layers: Callable[[Path], Any]) -> Build:
    """A ``.keras`` file of the layers that the functions give for a marker."""
    return lambda folder, marker: attack.write_keras(
        folder / "model.keras", attack.sequential_3(*(layer(marker) for layer in layers))
    )


def nested_in(wrapper: str, key: str) -> Callable[[Path], Any]:
    """A wrapper around a Sequential around a Lambda."""
    return lambda marker: {
        "class_name": wrapper,
        "config": {"name": "wrapper", key: attack.sequential(attack.dense(), attack.lambda_2(marker))},
    }


def with_config(class_name: str, config: Callable[[Path], dict[str, Any]]) -> Callable[[Path], Any]:
    """A layer of Keras 3 with a configuration of its own."""
    return lambda marker: {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": "evil", **config(marker)},
        "registered_name": None,
    }


def constant(value: Any) -> Any:
    """An initializer with a value."""
    return {"class_name": "Constant", "config": {"value": value}}


def cell(marker: Path) -> Any:
    """A Lambda in place of a cell, where the replacing of Lambdas doesn't look."""
    return {"class_name": "RNN", "config": {"name": "rnn", "cell": attack.lambda_2(marker)}}


def merge(marker: Path) -> Any:
    """Keras 1's Merge with a function of its own."""
    config = {"name": "merge_1", "mode": attack.lambda_code(marker), "mode_type": "lambda", "layers": []}
    return {"class_name": "Merge", "config": config}


def loss_h5(folder: Path, marker: Path) -> Path:
    loss = {"class_name": "__lambda__", "config": {"code": attack.lambda_code(marker)}}
    return attack.write_h5(folder / "model.h5", attack.sequential(attack.dense()), {"loss": loss, "metrics": []})


def old_loss_h5(folder: Path, marker: Path) -> Path:
    loss = [attack.lambda_code(marker), None, None]
    return attack.write_h5(folder / "model.h5", attack.sequential(attack.dense()), {"loss": {"dense": loss}})


def metric_of_os(folder: Path, marker: Path) -> Path:
    metric = attack.function("os", "system")
    return attack.write_h5(folder / "model.h5", attack.sequential(attack.dense()), {"metrics": [metric]})


def loss_keras(folder: Path, marker: Path) -> Path:
    loss = {"class_name": "__lambda__", "config": {"code": attack.lambda_code(marker)}}
    model = attack.sequential_3(attack.dense_3(), compile_config={"optimizer": "adam", "loss": loss})
    return attack.write_keras(folder / "model.keras", model)


DESCRIPTIONS: dict[str, tuple[Build, str, str]] = {
    # What it is: how it is built, the place that the refusal names, and a word of its reason.
    "CVE-2024-3660: a Lambda with code in a .keras file": (
        keras(lambda m: attack.dense_3(), attack.lambda_3),
        "config.json.config.layers[2] (Lambda 'lambda_1')",
        "not plain arithmetic",
    ),
    "CVE-2025-1550: a Lambda that names os.system": (
        keras(lambda m: attack.lambda_calling("os", "system", {"command": f"touch {m}"})),
        "config.json.config.layers[1] (Lambda 'lambda_1')",
        "a reference to the function 'system'",
    ),
    "CVE-2025-1550: a layer of the module subprocess": (
        keras(lambda m: {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", str(m)]}}),
        "config.json.config.layers[1] (Popen)",
        "names the Python module 'subprocess'",
    ),
    "CVE-2025-8747: a Lambda that names keras.utils.get_file": (
        keras(lambda m: attack.lambda_calling("keras.utils", "get_file", {"fname": str(m), "origin": m.as_uri()})),
        "config.json.config.layers[1] (Lambda 'lambda_1')",
        "a reference to the function 'get_file'",
    ),
    "CVE-2025-9905: a Lambda with code in an .h5 file": (
        h5(lambda m: attack.dense(), attack.lambda_2),
        "model_config.config.layers[1] (Lambda 'lambda_1')",
        "not plain arithmetic",
    ),
    "CVE-2025-9906: the safe mode is switched off by the description": (
        keras(lambda m: attack.lambda_calling("keras.config", "enable_unsafe_deserialization", {}), attack.lambda_3),
        "config.json.config.layers[1] (Lambda 'lambda_1')",
        "a reference to the function 'enable_unsafe_deserialization'",
    ),
    "CVE-2025-9906: as an activation": (
        keras(
            with_config(
                "Dense", lambda m: {"activation": attack.function("keras.config", "enable_unsafe_deserialization")}
            )
        ),
        "config.json.config.layers[1].config.activation (Dense 'evil')",
        "calls Keras's function 'enable_unsafe_deserialization'",
    ),
    "CVE-2025-49655: a TorchModuleWrapper with a pickle": (
        keras(with_config("TorchModuleWrapper", lambda m: {"module": attack.pickled(m)})),
        "config.json.config.layers[1] (TorchModuleWrapper 'evil')",
        "unpickles a PyTorch module",
    ),
    "CVE-2026-1462: a TFSMLayer": (
        keras(with_config("TFSMLayer", lambda m: {"filepath": str(m.parent), "call_endpoint": "serve"})),
        "config.json.config.layers[1] (TFSMLayer 'evil')",
        "loads a SavedModel",
    ),
    # What has been published of this one is only that it is among the three of Keras 3.14.0 of June 2026; its
    # neighbours are a layer's name that leads out of the folder of assets, and a Lambda outside of the safe mode.
    "CVE-2026-12480 and its neighbours: a layer's name that is a path": (
        keras(with_config("Dense", lambda m: {"name": f"../../../../..{m}", "units": 2})),
        "config.json.config.layers[1].config (Dense",
        "leads to another folder",
    ),
    "CVE-2026-12480 and its neighbours: a Lambda inside a wrapper's model": (
        keras(with_config("TimeDistributed", lambda m: {"layer": attack.sequential_3(attack.lambda_3(m))})),
        "config.json.config.layers[1].config.layer.config.layers[1] (Lambda 'lambda_1')",
        "not plain arithmetic",
    ),
    "a Lambda in a nested Sequential": (
        h5(lambda m: attack.dense(), lambda m: attack.sequential(attack.sequential(attack.lambda_2(m)))),
        "model_config.config.layers[1].config.layers[0].config.layers[0] (Lambda 'lambda_1')",
        "not plain arithmetic",
    ),
    "a Lambda in TimeDistributed": (
        h5(nested_in("TimeDistributed", "layer")),
        "model_config.config.layers[0].config.layer.config.layers[1] (Lambda 'lambda_1')",
        "not plain arithmetic",
    ),
    "a Lambda in Bidirectional": (
        h5(nested_in("Bidirectional", "backward_layer")),
        "model_config.config.layers[0].config.backward_layer.config.layers[1] (Lambda 'lambda_1')",
        "not plain arithmetic",
    ),
    "a Lambda in place of a cell": (
        h5(cell),
        "model_config.config.layers[0].config.cell (RNN 'rnn')",
        "hides a Lambda",
    ),
    "a Lambda in an initializer": (
        h5(with_config("Dense", lambda m: {"kernel_initializer": attack.lambda_2(m)})),
        "model_config.config.layers[0].config.kernel_initializer (Dense 'evil')",
        "hides a Lambda",
    ),
    "code in an argument of a call": (
        h5(lambda m: {**attack.dense(), "inbound_nodes": [[["x", 0, 0, {"y": [attack.lambda_code(m)]}]]]}),
        "model_config.config.layers[0].inbound_nodes[0][0][3].y[0] (Dense 'dense')",
        "marshalled Python code",
    ),
    "a pickle in a constant": (
        h5(with_config("Dense", lambda m: {"bias_initializer": constant(attack.pickled(m))})),
        "model_config.config.layers[0].config.bias_initializer.config.value (Dense 'evil')",
        "pickled Python objects",
    ),
    "a Merge of Keras 1 with code": (
        h5(merge),
        "model_config.config.layers[0].config (Merge 'merge_1')",
        "merges by the code",
    ),
    "a loss that is a lambda, in an .h5 file": (loss_h5, "training_config.loss", "the code of a Python function"),
    "a loss that is a lambda, as lists": (old_loss_h5, "training_config.loss.dense[0]", "marshalled Python code"),
    "a loss that is a lambda, in a .keras file": (
        loss_keras,
        "config.json.compile_config.loss (Sequential 'model')",
        "the code of a Python function",
    ),
    "a metric of the module os": (metric_of_os, "training_config.metrics[0]", "names the Python module 'os'"),
    "a vocabulary that is a path": (
        h5(with_config("StringLookup", lambda m: {"vocabulary": "/etc/passwd"})),
        "model_config.config.layers[0].config (StringLookup 'evil')",
        "reads the file '/etc/passwd'",
    ),
    "eval as an activation": (
        h5(with_config("Dense", lambda m: {"activation": {"module": "builtins", "class_name": "eval", "config": "1"}})),
        "model_config.config.layers[0].config.activation (Dense 'evil')",
        "names the Python module 'builtins'",
    ),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_code_is_refused_at_its_place(name: str, tmp_path: Path) -> None:
    build, place, reason = DESCRIPTIONS[name]
    marker = tmp_path / "marker"
    path = build(tmp_path, marker)
    with pytest.raises(UnsafeModelError) as refusal:
        scan_path(path)
    assert place in refusal.value.problem
    assert reason in refusal.value.problem
    assert "--allow-unsafe" in refusal.value.next_step
    assert not marker.exists()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_loading_refuses_as_the_scan_does(name: str, tmp_path: Path) -> None:
    from edgekit_converters.keras_files.load import load_keras_model

    build, place, _ = DESCRIPTIONS[name]
    marker = tmp_path / "marker"
    with pytest.raises(UnsafeModelError) as refusal:
        load_keras_model(build(tmp_path, marker))
    assert place in refusal.value.problem
    assert not marker.exists()


def test_the_payloads_would_leave_their_marker(tmp_path: Path) -> None:
    code = marshal.loads(base64.b64decode(attack.lambda_code(tmp_path / "from_lambda")))
    types.FunctionType(code, {"__builtins__": __builtins__})(1)
    pickle.loads(base64.b64decode(attack.pickled(tmp_path / "from_pickle"))).close()
    assert {path.name for path in tmp_path.iterdir()} == {"from_lambda", "from_pickle"}


# ------------------------------------------------------------------------------------------------ containers


def secret_beside(folder: Path) -> Path:
    """Another file, as HDF5 and as bytes, that an attack wants to read."""
    secret = folder / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.arange(6, dtype=np.float32).reshape(3, 2)
    return secret


def external_link(group: h5py.Group, secret: Path) -> None:
    group["0"] = h5py.ExternalLink(str(secret), "/secret")


def soft_link(group: h5py.Group, secret: Path) -> None:
    group["away"] = h5py.ExternalLink(str(secret), "/")
    group["0"] = h5py.SoftLink("/layers/dense/vars/away/secret")
    del group["away"]


def external_storage(group: h5py.Group, secret: Path) -> None:
    group.create_dataset("0", (3, 2), np.float32, external=[(str(secret), 0, 24)])


def virtual_data_set(group: h5py.Group, secret: Path) -> None:
    layout = h5py.VirtualLayout((3, 2), np.float32)
    layout[:] = h5py.VirtualSource(str(secret), "secret", (3, 2))
    group.create_virtual_dataset("0", layout)


def never_written(group: h5py.Group, secret: Path) -> None:
    group.create_dataset("0", (1_000_000, 1_000), np.float32)


def deflate_bomb(group: h5py.Group, secret: Path) -> None:
    # 300 MB of zeros in 300 kB.
    group.create_dataset("0", data=np.zeros((75, 1 << 20), np.float32), chunks=(25, 1 << 20), compression="gzip")


def missing_chunks(group: h5py.Group, secret: Path) -> None:
    array = group.create_dataset("0", (2048, 512), np.float32, chunks=(512, 512), compression="gzip")
    array[:512] = np.random.default_rng(0).random((512, 512))


def plug_in_filter(group: h5py.Group, secret: Path) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((3, 2))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((3, 2))
    h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, properties)


STRUCTURES: dict[str, tuple[Callable[[h5py.Group, Path], None], str]] = {
    "a link to another file": (external_link, "is a link to another file"),
    "a soft link": (soft_link, "is a soft link"),
    "CVE-2026-1669: external storage": (external_storage, "keeps its values in another file"),
    "a virtual data set": (virtual_data_set, "is a virtual data set"),
    "a shape without values": (never_written, "4000000000 bytes, but 0 bytes are stored"),
    "a decompression bomb": (deflate_bomb, "brings the unpacked arrays to 314572800 bytes"),
    "chunks that are not there": (missing_chunks, "stores 1 of its 4 chunks"),
    "a filter that is a plug-in": (plug_in_filter, "is packed with filter 32015"),
}


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("container", ["h5", "keras"])
def test_hdf5_that_reaches_out_or_declares_too_much(name: str, container: str, tmp_path: Path) -> None:
    change, reason = STRUCTURES[name]
    secret = secret_beside(tmp_path)
    weights = attack.weights_3(lambda group: change(group, secret))
    if container == "h5":
        path = tmp_path / "model.weights.h5"
        path.write_bytes(weights)
    else:
        path = attack.write_keras(tmp_path / "model.keras", attack.sequential_3(attack.dense_3()), weights)
    with pytest.raises(UnsafeModelError) as refusal:
        open_keras_file(path)
    assert reason in refusal.value.problem
    assert "/layers/dense/vars/0" in refusal.value.problem


def test_arrays_may_not_share_their_bytes(tmp_path: Path) -> None:
    # Beside an array of 1 MB, one of 4 bytes is made to be the same 1 MB.
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/a/vars/0"] = np.ones(1 << 18, np.float32)
        file["layers/b/vars/0"] = np.ones(1, np.float32)
        large, small = (file[f"layers/{name}/vars/0"].id.get_offset() for name in ("a", "b"))
    content = buffer.getvalue()
    for old, new in (
        (struct.pack("<QQ", small, 4), struct.pack("<QQ", large, 1 << 20)),
        (struct.pack("<QQQ", 0x00010101, 1, 1), struct.pack("<QQQ", 0x00010101, 1 << 18, 1 << 18)),
    ):
        assert content.count(old) == 1
        content = content.replace(old, new)
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(UnsafeModelError, match="b/vars/0' brings the arrays to 2097152 bytes in a file of"):
        open_keras_file(path)


def test_one_text_may_not_serve_for_many(tmp_path: Path) -> None:
    # 3999 names of one character are all made to be the same text of 100 kB.
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        attack.write_weights(file)
        file["model_weights"].attrs["large"] = "x" * 100_000
        del file["model_weights"].attrs["layer_names"]
        file["model_weights"].attrs["layer_names"] = ["y"] * 3999
    content = path.read_bytes()
    large = re.search(re.escape(struct.pack("<I", 100_000)) + rb".{8}\x01\x00\x00\x00", content, re.DOTALL)
    small = re.search(rb"(?:\x01\x00\x00\x00.{12}){3999}", content, re.DOTALL)
    assert large is not None and small is not None
    with open_keras_file(path) as file:
        assert list(file.weights.attrs["layer_names"]) == ["y"] * 3999
    path.write_bytes(content[: small.start()] + large.group() * 3999 + content[small.end() :])
    with open_keras_file(path) as file, pytest.raises(ModelFileError, match="its tables lead in circles"):
        file.weights.attrs["layer_names"]


def test_a_zip_that_leads_out_of_its_folder(tmp_path: Path) -> None:
    model = attack.sequential_3(attack.dense_3())
    path = attack.write_keras(tmp_path / "model.keras", model, more={"../../marker": b"gotcha"})
    with pytest.raises(UnsafeModelError, match=r"'\.\./\.\./marker' would be written outside its folder"):
        open_keras_file(path)


def test_a_zip_bomb(tmp_path: Path) -> None:
    model = attack.sequential_3(attack.dense_3())
    path = attack.write_keras(tmp_path / "model.keras", model, weights=bytes(64 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(UnsafeModelError, match=r"model\.weights\.h5 would grow from"):
        open_keras_file(path)


def test_a_member_that_stands_twice(tmp_path: Path) -> None:
    path = attack.write_keras(tmp_path / "model.keras", attack.sequential_3(attack.dense_3()))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelFileError, match=r"holds 'config\.json' twice"):
        open_keras_file(path)


@pytest.mark.parametrize(
    ("config", "expected", "received"),
    [
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "at most 100 levels", "nested much deeper"),
        ('{"a": ' + "[" * 150 + "]" * 150 + "}", "at most 100 levels", "nested deeper"),
        ('{"class_name": "Dense", "class_name": "Lambda"}', "every key once", "'class_name' twice"),
        ('{"a": ' + "9" * 5000 + "}", "at most 24 digits", "one of 5000 digits"),
        ('{"a": "' + "x" * (1 << 21) + '"}', "at most 1048576 characters", "one of 2097152"),
        ('{"a": "\\ud800"}', "UTF-8", "half of a surrogate pair"),
        ('{"a": [' + "0, " * 500_000 + "0]}", "at most 500000 values", "more"),
        ("[1, 2]", "a JSON object", "a list"),
        ("{" + " " * (9 << 20) + "}", "at most 8388608 bytes", f"{(9 << 20) + 2} bytes"),
    ],
    ids=[
        "very deep",
        "deep",
        "a key twice",
        "a huge number",
        "a long text",
        "broken text",
        "many values",
        "a list",
        "too large",
    ],
)
def test_descriptions_beyond_sense(config: str, expected: str, received: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config
        attack.write_weights(file)
    with pytest.raises(ModelFileError) as refusal:
        open_keras_file(path)
    assert expected in refusal.value.expected
    assert received in refusal.value.received
