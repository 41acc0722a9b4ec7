"""Writes the Ansible playbook of a push, with the collection that it uses and the model, into a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgekit
from edgekit.deployment.push import PushOptions, read_for_push
from edgekit_runtime.errors import UsageError

#: Names of the playbook and the model in the playbook's folder.
PLAYBOOK_NAME = "push.yml"
MODEL_NAME = "model.tflite"
_PLAYBOOK = """\
---
# ansible-playbook -i hosts.yml push.yml [--check --diff]
- name: Install a model in waves
  hosts: all
  gather_facts: false
  serial: {waves}
  max_fail_percentage: {max_fail_percentage}
  vars:
    model_src: "{{{{ playbook_dir }}}}/model.tflite"
{variables}
  roles:
    - role: edgekit.fleet.model
"""


@dataclass(frozen=True, slots=True)
class Waves:
    """In which steps a fleet gets a model.

    Attributes:
        sizes: Sizes of the waves as Ansible's ``serial`` has them: numbers, or percentages of all hosts. The last one
            is repeated until every host has been in a wave.
        max_fail_percentage: Percentage of the hosts of a wave that may fail without stopping it.
        forks: Number of hosts that are served at once.
    """

    sizes: tuple[str, ...] = ("1", "10%", "100%")
    max_fail_percentage: int = 0
    forks: int = 5

    @classmethod
    def parse_sizes(cls, text: str) -> tuple[str, ...]:
        """Read ``1,10%,100%``.

        Raises:
            UsageError: A part is neither a number of hosts nor a percentage.
        """
        sizes = tuple(part.strip() for part in text.split(","))
        for size in sizes:
            digits = size.removesuffix("%")
            if not (digits.isascii() and digits.isdecimal()) or not 0 < int(digits) <= (100 if "%" in size else 10**6):
                raise UsageError(
                    "This is not a list of waves.",
                    expected="numbers of hosts or percentages, such as 1,10%,100%",
                    received=repr(text),
                )
        return sizes


def write_playbook(folder: Path, model: Path, name: str, options: PushOptions, waves: Waves) -> None:
    """Write ``push.yml``, the model and the collection ``edgekit.fleet``; Ansible needs nothing else to run it.

    Args:
        folder: Folder to write to; it must be empty or not exist.
        model: A .tflite.
        name: Name to install it under.
        options: What the version must show on a device.
        waves: The waves.
    Raises:
        UsageError: The folder has other files.
        EdgekitError: The model or the name cannot be used.
    """
    content = read_for_push(model, name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("The playbook's folder is not empty.", expected="a new or empty folder", received=str(folder))
    collection = folder / "collections" / "ansible_collections" / "edgekit" / "fleet"
    shutil.copytree(collection_folder(), collection, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / MODEL_NAME).write_bytes(content)
    text = _PLAYBOOK.format(
        waves=json.dumps(waves.sizes),
        max_fail_percentage=waves.max_fail_percentage,
        variables="\n".join(f"    {key}: {_yaml(value)}" for key, value in _variables(name, options, waves).items()),
    )
    (folder / PLAYBOOK_NAME).write_text(text, encoding="utf-8")


def collection_folder() -> Path:
    """The collection: in the package, or beside it in the repository."""
    package = Path(edgekit.__file__).parent
    packed = package / "fleet_collection"
    return packed if packed.is_dir() else package.parent / "fleet" / "ansible"


def _variables(name: str, options: PushOptions, waves: Waves) -> dict[str, Any]:
    """Variables of the role ``edgekit.fleet.model``."""
    return {
        "model_name": name,
        "model_max_ms": options.max_latency_ms,
        "model_keep": options.keep,
        "model_allow_older": options.allow_older,
        "model_allow_unproven": options.allow_unproven,
        "model_reload": options.reload,
        "model_health": options.health,
        "model_max_fail_percentage": waves.max_fail_percentage,
    }


def _yaml(value: object) -> str:
    """A value as YAML; Ansible must not take a text for a template."""
    return ("!unsafe " if isinstance(value, str) else "") + json.dumps(value)
