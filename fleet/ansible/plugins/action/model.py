# Copyright: (c) the edgekit contributors
# SPDX-License-Identifier: Apache-2.0
"""Installs a model through the commands of ``python -m edgekit_runtime`` on the device.

The device's commands read the model from standard input and answer in JSON. Nothing that a device answers is trusted:
every field is checked, and texts are cut.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

_SETUP_PYTHON = ".local/share/edgekit/python/bin/python"
_LARGEST_ANSWER = 2_000_000
_LONGEST_TEXT = 1000
_DIGEST = re.compile("[0-9a-f]{64}")
_OPTIONS = {
    "name": {"type": "str", "required": True},
    "src": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "rolled_back"], "default": "present"},
    "digest": {"type": "str"},
    "max_ms": {"type": "float"},
    "keep": {"type": "int", "default": 3},
    "allow_older": {"type": "bool", "default": False},
    "allow_unproven": {"type": "bool", "default": False},
    "reload": {"type": "str", "default": ""},
    "health": {"type": "str", "default": ""},
    "python": {"type": "str", "default": ""},
}


class _DeviceError(Exception):
    """The device refused, or answered what the runtime would not answer."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Install a model, or roll back; a failure keeps what is known of the device's state."""
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            argument_spec=_OPTIONS,
            required_if=[("state", "present", ["src"]), ("state", "rolled_back", ["digest"])],
        )
        known: dict[str, Any] = {"changed": False}
        try:
            if options["state"] == "present":
                self._install(options, known)
            else:
                self._roll_back(options, known)
        except _DeviceError as error:
            known.update(failed=True, msg=str(error), next_step=error.next_step)
        except AnsibleConnectionFailure as error:
            known.update(unreachable=True, msg=str(error)[:_LONGEST_TEXT])
        return known

    def _install(self, options: dict[str, Any], known: dict[str, Any]) -> None:
        content = self._content(options["src"])
        digest = hashlib.sha256(content).hexdigest()
        known.update(digest=digest)
        previous = self._current(options)
        known.update(previous=previous, diff=_diff(options["name"], previous, digest))
        if previous == digest or self._task.check_mode:
            known.update(changed=previous != digest, sent_bytes=0)
            return
        arguments = ["receive", digest, str(len(content)), f"--name={options['name']}", *_install_arguments(options)]
        first, result = self._ask(options, arguments)
        have = first.get("have")
        if type(have) is not int or not 0 <= have <= len(content):
            raise _malformed(f"{have!r:.60} bytes of {len(content)}")
        if have < len(content):
            # If another transfer has gone on meanwhile, the device finds another digest.
            _, result = self._ask(options, arguments, content[have:])
        _require_success(result)
        known.update(self._switch(result, options["name"], digest), sent_bytes=len(content) - have)

    def _roll_back(self, options: dict[str, Any], known: dict[str, Any]) -> None:
        current = self._current(options)
        known.update(digest=current, previous=current)
        if current != options["digest"]:
            return
        if self._task.check_mode:
            known.update(changed=True)
            return
        arguments = ["rollback", f"--reload={options['reload']}", *_unproven(options), "--", options["name"]]
        answer, _ = self._ask(options, arguments)
        known.update(self._switch(answer, options["name"], None))
        known.update(diff=_diff(options["name"], current, known["digest"]))

    def _content(self, src: str) -> bytes:
        try:
            return Path(self._find_needle("files", src)).read_bytes()
        except OSError as error:
            raise AnsibleActionFail(f"The model cannot be read: {error}") from error

    def _current(self, options: dict[str, Any]) -> str:
        """The digest of the current version; empty if there is none."""
        answer, _ = self._ask(options, ["status"])
        models = answer.get("models")
        if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
            raise _malformed("no list of models")
        found = [model.get("digest") for model in models if model.get("name") == options["name"]]
        if not found or found == [""]:
            return ""
        if not isinstance(found[0], str) or _DIGEST.fullmatch(found[0]) is None:
            raise _malformed(f"the digest {found[0]!r:.80}")
        return found[0]

    def _switch(self, answer: dict[str, Any], name: str, digest: str | None) -> dict[str, Any]:
        """The checked answer to an installation or a rollback."""
        if answer.get("name") != name or (digest is not None and answer.get("digest") != digest):
            raise _malformed(f"the name {answer.get('name')!r:.60} and the digest {answer.get('digest')!r:.80}")
        return {
            "digest": _text(answer, "digest"),
            "previous": _text(answer, "previous"),
            "changed": answer.get("changed") is True,
            "interpreter": _text(answer, "interpreter"),
            "max_error": _number(answer, "max_error"),
            "p50_ms": _number(answer, "p50_ms"),
        }

    def _ask(
        self, options: dict[str, Any], arguments: list[str], content: bytes | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run a command of the runtime with standard input; its first line and the rest, as JSON objects.

        The rest of ``receive`` may be an error: without content, it is one unless the device has the whole file.
        """
        # Ansible would use a terminal without input, which mixes stderr into stdout and may lose the end of it.
        done = self._low_level_execute_command(
            _script(options["python"], arguments, content is None), in_data=content or b"\n"
        )
        out = done.get("stdout", "")
        if len(out) > _LARGEST_ANSWER:
            raise _malformed(f"more than {_LARGEST_ANSWER:,} characters")
        answers = _objects(out)
        if arguments[0] == "receive" and len(answers) == 2:
            return answers[0], answers[1]
        if len(answers) == 1:
            _require_success(answers[0])
            return answers[0], answers[0]
        said = " ".join((out + " " + done.get("stderr", "")).split())[-_LONGEST_TEXT:]
        if "No module named edgekit_runtime" in said or done.get("rc") == 127:
            raise _DeviceError("The device has no edgekit-runtime.", "the role edgekit.fleet.runtime")
        if done.get("rc"):
            raise _DeviceError(f"The device could not run the command: {said or 'no reason'}")
        raise _malformed(repr(out[:60]))


def _script(python: str, arguments: list[str], is_empty: bool) -> str:
    command = shlex.join(["-m", "edgekit_runtime", arguments[0], "--json", *arguments[1:]]) + (
        " </dev/null" if is_empty else ""
    )
    if python:
        return f"{shlex.quote(python)} {command}"
    return f'p="$HOME/{_SETUP_PYTHON}"; [ -x "$p" ] || p=python3; "$p" {command}'


def _install_arguments(options: dict[str, Any]) -> list[str]:
    limit = [] if options["max_ms"] is None else [f"--max-ms={options['max_ms']!r}"]
    older = ["--allow-older"] if options["allow_older"] else []
    commands = [f"--reload={options['reload']}", f"--health={options['health']}"]
    return [*limit, f"--keep={options['keep']}", *older, *_unproven(options), *commands]


def _unproven(options: dict[str, Any]) -> list[str]:
    return ["--allow-unproven"] if options["allow_unproven"] else []


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects that a text consists of; empty if it is anything else."""
    found: list[dict[str, Any]] = []
    decoder, position = json.JSONDecoder(), 0
    text = text.strip()
    try:
        while position < len(text) and len(found) < 3:
            value, position = decoder.raw_decode(text, position)
            if not isinstance(value, dict):
                return []
            found.append(value)
            position += len(text[position:]) - len(text[position:].lstrip())
    except (ValueError, RecursionError):
        return []
    return found


def _require_success(answer: dict[str, Any]) -> None:
    if "problem" in answer:
        problem, received = (str(answer.get(name, ""))[:_LONGEST_TEXT] for name in ("problem", "received"))
        message = f"{problem} Received: {received}." if received else problem
        raise _DeviceError(message, str(answer.get("next_step", ""))[:_LONGEST_TEXT])


def _malformed(received: str) -> _DeviceError:
    return _DeviceError(
        f"The device sent an invalid answer: {received}.",
        "check that a login prints nothing, and the version of edgekit-runtime there",
    )


def _diff(name: str, before: str, after: str) -> dict[str, str]:
    return {
        "before_header": name,
        "after_header": name,
        "before": f"{before or 'no version'}\n",
        "after": f"{after}\n",
    }


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise _malformed(f"{name} {value!r:.60}")
    return value


def _number(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise _malformed(f"{name} {value!r:.60}")
    return float(value)
