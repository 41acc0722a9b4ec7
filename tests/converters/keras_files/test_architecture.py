"""Architectures beside a file of weights: what is wrong with one is said of its own format."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit_converters.keras_files.architecture import read_architecture
from edgekit_runtime.errors import ModelFileError


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("model.yaml", "config: 2020-13-45\n", "not plain YAML", id="a-date-that-does-not-exist"),
        pytest.param("model.yml", "config: [1, 2\n", "not plain YAML", id="a-list-without-end"),
        pytest.param("model.yaml", "config: !!int ''\n", "not plain YAML", id="an-empty-integer"),
        pytest.param("model.yaml", "config: !!timestamp soon\n", "not plain YAML", id="a-word-as-date"),
        pytest.param("model.yaml", "!!python/object/apply:os.system [id]\n", "not plain YAML", id="code"),
        pytest.param("model.json", "{'config': 1}", "not valid JSON", id="json"),
    ],
)
def test_a_damaged_architecture_is_named_by_its_own_format(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ModelFileError, match=says):
        read_architecture(tmp_path / name)
