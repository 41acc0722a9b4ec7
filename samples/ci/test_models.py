"""The same gate as a test of your own suite: ``pytest``. Accept a new model with ``pytest --edgekit-update``."""

import pytest


@pytest.mark.edgekit(model="digits", max_drop=0.01)
def test_the_model_is_no_worse_than_the_committed_baseline(edgekit_parity):
    edgekit_parity.require_passed()


@pytest.mark.edgekit(model="digits")
def test_the_model_knows_ten_digits(edgekit_model):
    assert len(edgekit_model.labels) == 10
