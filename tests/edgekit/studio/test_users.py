"""Two users at once: models of their own, made and removed, that the other never sees."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import User


def own(user: User) -> list[dict]:
    return [model for model in user.ask("/api/models").json["models"] if model["is_own"]]


def test_what_one_user_adds_another_does_not_see(studio, user, models) -> None:
    other = User(studio.address)
    content = models[1].read_bytes()
    headers = {"X-File-Name": "..%2F..%2Fmine%1b%5B31m.tflite"}
    added = user.ask("/api/models", content, headers=headers)
    assert added.status == 201
    identifier = added.json["id"]
    # Neither folders nor control characters of the name remain.
    assert [model["name"] for model in own(user)] == ["mine[31m.tflite"]
    assert user.ask(f"/api/models/{identifier}/file").body == content
    assert own(other) == []
    assert other.ask(f"/api/models/{identifier}").status == 400
    assert other.ask(f"/api/models/{identifier}/file").status == 404
    assert other.ask(f"/api/models/{identifier}", method="DELETE").status == 404
    assert len(other.ask("/api/answers", other.ask("/api/examples/0.png").body).json["answers"]) == len(models)
    assert user.ask(f"/api/models/{identifier}", method="DELETE").status == 204
    assert own(user) == []


def test_files_that_the_studio_was_started_with_are_not_handed_out(user) -> None:
    assert user.ask("/api/models/m1/file").status == 404
    assert user.ask("/api/models/m1", method="DELETE").status == 404


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_a_broken_model_is_refused_and_leaves_nothing(user, models, damage: str) -> None:
    content = {"truncated": models[1].read_bytes()[:5000], "text": b"no model", "empty": b""}[damage]
    answer = user.ask("/api/models", content)
    assert answer.status == 400
    assert answer.json["error"]["problem"]
    assert own(user) == []


def test_a_user_has_four_models_at_most(user, models) -> None:
    content = models[1].read_bytes()
    assert [user.ask("/api/models", content).status for _ in range(5)] == [201] * 4 + [400]
    assert len({model["name"] for model in own(user)}) == 4
    for model in own(user):
        user.ask(f"/api/models/{model['id']}", method="DELETE")


def test_the_comparison_says_what_validate_says(user, models) -> None:
    job = user.finished(user.post("/api/comparison", {}))
    assert job["state"] == "done", job
    rows = {row["name"]: row for row in job["result"]["rows"]}
    command = [
        sys.executable,
        "-m",
        "edgekit",
        "validate",
        str(models[0]),
        str(models[1]),
        "--data",
        "digits",
        "--json",
    ]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    labelled = printed["outputs"][0]["classification"]["labelled"]
    row = rows["model-int8.tflite"]
    assert (row["metric"], row["value"], row["drop"]) == (
        "top-1 accuracy",
        labelled["candidate_top1"],
        labelled["accuracy_drop"],
    )
    assert row["interval"] == [labelled["drop_interval"]["low"], labelled["drop_interval"]["high"]]
    assert rows["model.h5"]["value"] == labelled["reference_top1"]
    assert row["size_bytes"] == models[1].stat().st_size
    assert row["p50_ms"] > 0


def test_layers_come_worst_first(user) -> None:
    job = user.finished(user.post("/api/layers", {"model": "m1"}))
    assert job["state"] == "done", job
    added = [layer["added_snr_db"] for layer in job["result"]["layers"] if layer["added_snr_db"] is not None]
    assert added == sorted(added)
    # Keras counts the layers of a process in their names.
    assert {"conv2d", "dense", "scores"} <= {layer["layer"].rstrip("_0123456789") for layer in job["result"]["layers"]}


def test_a_variant_is_the_file_that_the_command_shown_makes(studio, user, tmp_path: Path) -> None:
    wanted = {"quantize": "int8", "max_drop": 0.01}
    shown = user.post("/api/variants", {**wanted, "dry_run": True}).json["command"]
    answer = user.post("/api/variants", wanted)
    other = User(studio.address)
    assert other.ask(f"/api/jobs/{answer.json['id']}").status == 404
    job = user.finished(answer)
    assert job["state"] == "done", job
    made = job["result"]
    assert made["command"] == shown
    assert made["budget"]["met"] is True
    program, *arguments = shlex.split(shown)
    assert program == "edgekit"
    arguments[arguments.index("--output") + 1] = str(tmp_path / "again.tflite")
    subprocess.run([sys.executable, "-m", "edgekit", *arguments], check=True, capture_output=True)
    content = user.ask(f"/api/models/{made['id']}/file").body
    assert hashlib.sha256(content).digest() == hashlib.sha256((tmp_path / "again.tflite").read_bytes()).digest()
    assert user.ask(f"/api/models/{made['id']}").json["command"] == shown
    answers = user.ask("/api/answers", user.ask("/api/examples/0.png").body).json["answers"]
    assert answers[-1]["name"] == made["name"] == "model-int8-drop0.01.tflite"
    assert own(other) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"quantize": "int9"},
        {"quantize": ["int8"]},
        {"quantize": "int8", "max_drop": -1},
        {"quantize": "int8", "max_drop": "0.1; rm -rf /"},
        {"quantize": "int8", "max_drop": True},
        {"quantize": "--help"},
    ],
    ids=str,
)
def test_a_variant_of_made_up_options_is_refused(user, wanted: dict) -> None:
    assert user.post("/api/variants", wanted).status == 400


def test_details_say_what_the_file_holds(user, models) -> None:
    details = user.ask("/api/models/m1").json
    assert details["labels"] == [str(digit) for digit in range(10)]
    assert "28 × 28 pixels, grey" in details["preprocessing"][0]
    assert details["golden"].startswith("3 examples, verified on ")
    assert details["golden"].count("within the tolerance") == 1
    assert details["signed"] == "not signed"
    assert details["command"] == f"edgekit convert {models[0]} --quantize int8 --data digits"
    assert ["quantization", "int8"] in details["facts"]
    keras = user.ask("/api/models/m0").json
    assert keras["command"] == ""
    assert any(name == "SHA-256 of the file" for name, _ in keras["facts"])
