"""``edgekit inspect`` on a .tflite: short by default, each operator and tensor on demand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.conversion import ConversionOptions, convert
from edgekit.training.reference_cnn import build
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import Mode


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    build((28, 28, 1), 10).save(folder / "model.keras")
    path = folder / "model.tflite"
    convert(LoweringRequest(folder / "model.keras"), {Mode.INT8: path}, ConversionOptions(data="digits"))
    return path


def shown(*arguments: object) -> list[str]:
    result = CliRunner().invoke(cli, ["inspect", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def main_graph(path: Path) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads("\n".join(shown(path, "--json")))["subgraphs"][0]
    return graph


def test_kinds_of_operators(int8: Path) -> None:
    graph = main_graph(int8)
    tensors = {tensor["index"]: tensor for tensor in graph["tensors"]}
    lines = shown(int8)
    kinds = Counter(operator["name"] for operator in graph["operators"])
    assert kinds["CONV_2D"] == 3
    for kind, number in kinds.items():
        (row,) = (line.split() for line in lines if line.split()[:1] == [kind])
        assert number == int(row[2])
    (row,) = (line.split() for line in lines if line.split()[:1] == ["CONV_2D"])
    inputs = {index for operator in graph["operators"] if operator["name"] == "CONV_2D" for index in operator["inputs"]}
    size = sum(tensors[index]["size_bytes"] for index in inputs if tensors[index]["is_constant"])
    assert row[3:] == ["int8", f"{size:,}"]
    # What goes in and out, and no constant.
    assert [line.split()[1] for line in lines if line.split()[2:3] == ["float32"]] == ["input", "output"]
    assert not [line for line in lines if line.split()[1:2] == ["constant"]]


def test_all(int8: Path) -> None:
    graph = main_graph(int8)
    lines = shown(int8, "--all")
    numbers = [line.split()[0] for line in lines if line.split() and line.split()[0].isdigit()]
    expected = [*range(len(graph["operators"])), *range(len(graph["tensors"]))]
    assert numbers == list(map(str, expected))


def test_facts_have_words_and_digests_are_short(int8: Path) -> None:
    short, whole = "\n".join(shown(int8)), "\n".join(shown(int8, "--all"))
    manifest = json.loads("\n".join(shown(int8, "--json")))["manifest"]
    digest = manifest["provenance"]["source_sha256"]
    assert "largest difference on the golden examples" in short
    assert "parity.max_error" not in short
    assert digest not in short
    assert digest[:12] in short
    assert "parity.max_error" in whole
    assert digest in whole


def test_a_keras_file_is_summarized_and_its_layers_listed_on_demand(tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    build((28, 28, 1), 10).save(model)
    short, whole = shown(model), shown(model, "--all")
    assert short[0] == "model.keras: file"
    (row,) = (line.split() for line in short if line.split()[:1] == ["Conv2D"])
    layers = [line.split() for line in whole if line.split()[1:2] == ["Conv2D"]]
    assert int(row[1]) == len(layers) > 1
    assert row[2] == f"{sum(int(layer[-1].replace(',', '')) for layer in layers):,}"
