"""Names of operators in the table of a budget search."""

from __future__ import annotations

import pytest

from edgekit.reports.terminal.budget import short_name


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("model_1/dense_1/MatMul;model_1/dense_1/BiasAdd", "dense_1"),
        ("mobilenet_1/block_1_project_BN_1/batchnorm/add_1", "block_1_project_BN_1"),
        ("block_3_project_BN_1/batchnorm_1/add_1;other", "block_3_project_BN_1"),
        ("model_1/conv_1/convolution/Conv2D", "conv_1"),
        ("batchnorm/add", "batchnorm"),
        ("relu", "relu"),
        ("StatefulPartitionedCall_1:0", "(output)"),
    ],
)
def test_an_operator_is_named_after_its_layer(tensor: str, layer: str) -> None:
    assert short_name(tensor) == layer
