"""Comparisons in pieces: the same bits in this process, in local processes and on Dask, also if a worker is killed."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit_runtime.errors import DataError, EdgekitError, UsageError

MODELS = Path(edgekit.__file__).parent / "regression"
REFERENCE, CANDIDATE = MODELS / "reference_float32.tflite", MODELS / "reference_int8.tflite"
#: Examples; 976 of these are a piece, so there are nine.
COUNT = 8000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with classes that the models do not know, and a slice for each example."""
    random = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    x = random.integers(0, 256, (COUNT, 32, 32, 8), np.uint8)
    np.savez(path, x=x, y=random.integers(0, 10, COUNT), site=random.choice(["north", "south"], COUNT))
    return path


def compared(data: Any, **where: Any) -> dict[str, Any]:
    result = edgekit.validate(
        REFERENCE, CANDIDATE, data, everything=True, slice_by="site" if isinstance(data, Path) else None, **where
    )
    return result.to_dict()


@pytest.fixture(scope="module")
def in_one_process(data: Path) -> dict[str, Any]:
    return compared(data)


def test_local_processes_give_the_same_bits(data: Path, in_one_process: dict[str, Any]) -> None:
    assert in_one_process["data"]["samples"] == COUNT
    assert compared(data, cluster="local:2") == in_one_process


def test_a_worker_killed_in_the_middle_changes_no_bit(
    data: Path, in_one_process: dict[str, Any], cluster: Callable[..., Any]
) -> None:
    started = cluster(2)
    done: list[int] = []

    def kill_after_the_first_piece(steps: int) -> None:
        if not done:
            started.kill(0)
        done.append(steps)

    assert compared(data, scheduler=started.address, progress=kill_after_the_first_piece) == in_one_process
    # Nine pieces, of which at most six are submitted before the first result.
    assert len(done) == 9
    assert started.workers[0].poll() == -9
    assert started.workers[1].poll() is None


def test_data_in_memory_travels_with_the_pieces(cluster: Callable[..., Any]) -> None:
    random = np.random.default_rng(5)
    x, y = random.integers(0, 256, (2000, 32, 32, 8), np.uint8), random.integers(0, 10, 2000)
    assert compared((x, y), scheduler=cluster(1).address) == compared((x, y))


def test_data_that_workers_do_not_see_is_one_sentence(
    data: Path, tmp_path: Path, cluster: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = cluster(1)
    moved = tmp_path / "noise.npz"
    moved.write_bytes(data.read_bytes())

    # Read here, and gone when the first piece runs: as on a machine that does not share the folder.
    from edgekit.parity import validation

    pieces_of = validation.pieces_of

    def cut_then_removed(*arguments: Any) -> Any:
        pieces = list(pieces_of(*arguments))
        moved.unlink()
        return pieces

    monkeypatch.setattr(validation, "pieces_of", cut_then_removed)
    with pytest.raises(DataError, match=r"does not see the data .*noise\.npz\.") as error:
        compared(moved, scheduler=started.address)
    assert "share" in error.value.next_step


def test_a_worker_with_another_version_is_one_sentence(data: Path, tmp_path: Path, cluster: Callable[..., Any]) -> None:
    other = tmp_path / "edgekit-9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: edgekit\nVersion: 9.9\n")
    started = cluster(1, environment={"PYTHONPATH": str(tmp_path)})
    with pytest.raises(EdgekitError, match=r"The worker tcp://.* has another version of edgekit\.") as error:
        compared(data, scheduler=started.address)
    assert (error.value.received, error.value.expected) == ("9.9", edgekit.__version__)


def test_a_scheduler_that_is_not_there_is_one_sentence(data: Path) -> None:
    pytest.importorskip("distributed", reason="an engine of the cluster extra")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(EdgekitError, match=f"The scheduler {address} does not respond"):
        compared(data, scheduler=address)


def test_a_scheduler_without_workers_is_one_sentence(data: Path, cluster: Callable[..., Any]) -> None:
    with pytest.raises(EdgekitError, match=r"The scheduler tcp://.* has no workers\."):
        compared(data, scheduler=cluster(0).address)


@pytest.mark.parametrize("where", [{"cluster": "local:0"}, {"cluster": "yarn:4"}, {"scheduler": "host"}], ids=str)
def test_other_forms_are_usage_errors(data: Path, where: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        compared(data, **where)
