"""Runs the commands of ``python -m edgekit_runtime`` on a device over SSH, and reads their JSON.

Nothing that a device answers is trusted: sizes and times are bounded, and every field is checked.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any

from edgekit.devices.ssh import UNREACHABLE, SshDevice
from edgekit_runtime.errors import EdgekitError

#: The Python that ``edgekit devices setup`` makes on a device.
SETUP_PYTHON = ".local/share/edgekit/python/bin/python"
_LARGEST_LINE_BYTES = 10_000
_LARGEST_ANSWER_BYTES = 2_000_000
_BLOCK_BYTES = 65_536
#: Seconds after which a device that neither answers nor hangs up is given up.
_LONGEST_SECONDS = 900.0

#: Returns what to send, for the first line that the device wrote.
Reply = Callable[[dict[str, Any]], "bytes | memoryview"]


def run_json(device: SshDevice, arguments: Sequence[str]) -> dict[str, Any]:
    """Run a command of the runtime that takes no input.

    Args:
        device: The device.
        arguments: Arguments after ``python -m edgekit_runtime``; ``--json`` is added.
    Returns:
        The JSON object that it printed, whose fields have not been checked.
    Raises:
        EdgekitError: The device cannot be reached, or the command fails there or answers something else.
    """
    return run_script(device, _remote_script(device, arguments))


def run_script(device: SshDevice, script: str) -> dict[str, Any]:
    """Run a shell script that takes no input and prints a JSON object; see :func:`run_json`."""
    return send_to_script(device, script, b"", lambda _: None)


def send_to_script(device: SshDevice, script: str, content: bytes, advance: Callable[[int], None]) -> dict[str, Any]:
    """Run a shell script that reads bytes and prints a JSON object; see :func:`run_json`.

    Args:
        device: The device.
        script: Shell script.
        content: Its standard input.
        advance: Called with the number of bytes sent since the last call.
    """
    with _Conversation(device, script) as conversation:
        conversation.send(content, advance)
        return conversation.result(b"")


def run_with_reply(
    device: SshDevice, arguments: Sequence[str], reply: Reply, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Like :func:`run_json`, for a command that prints a line first and then reads what ``reply`` returns for it.

    Args:
        device: The device.
        arguments: Arguments after ``python -m edgekit_runtime``; ``--json`` is added.
        reply: Returns the bytes to send for the parsed first line.
        advance: Called with the number of bytes sent since the last call.
    """
    with _Conversation(device, _remote_script(device, arguments)) as conversation:
        line = conversation.first_line()
        try:
            first = json.loads(line)
        except (ValueError, RecursionError):
            # An error, which is printed over several lines.
            return conversation.result(line)
        if not isinstance(first, dict):
            raise malformed(device, repr(first)[:60])
        conversation.send(reply(first), advance)
        return conversation.result(b"")


def malformed(device: SshDevice, received: str) -> EdgekitError:
    """The error for an answer that the runtime would not give."""
    return EdgekitError(
        f"{device.name} sent an invalid answer.",
        expected="what python -m edgekit_runtime of this version prints",
        received=received,
        next_step="check that a login prints nothing (for example in .bashrc), and the runtime's version there",
    )


class _Conversation:
    """A running ssh, whose output is bounded and which is killed when it takes too long."""

    def __init__(self, device: SshDevice, script: str) -> None:
        self._device = device
        command = device.ssh_command(script)
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise EdgekitError("ssh could not be started.", received=str(error), next_step="install it") from error
        self._stdin, self._stdout = _required(self._process.stdin), _required(self._process.stdout)
        self._stderr = b""
        self._reader = threading.Thread(target=self._read_stderr, args=(_required(self._process.stderr),), daemon=True)
        self._reader.start()
        self._timer = threading.Timer(_LONGEST_SECONDS, self._process.kill)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> _Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        for stream in (self._stdin, self._stdout):
            _close(stream)
        self._reader.join()

    def first_line(self) -> bytes:
        """The first line; empty if the device hung up."""
        line = self._stdout.readline(_LARGEST_LINE_BYTES + 1)
        if len(line) > _LARGEST_LINE_BYTES:
            raise malformed(self._device, f"a line of more than {_LARGEST_LINE_BYTES:,} bytes")
        return line

    def send(self, content: bytes | memoryview, advance: Callable[[int], None]) -> None:
        """Send bytes; if the device hangs up meanwhile, its answer says why."""
        view = memoryview(content)
        try:
            for start in range(0, len(view), _BLOCK_BYTES):
                block = view[start : start + _BLOCK_BYTES]
                self._stdin.write(block)
                advance(len(block))
            self._stdin.flush()
        except OSError:
            pass

    def result(self, start: bytes) -> dict[str, Any]:
        """The rest of the output after ``start``, as a JSON object."""
        _close(self._stdin)
        received = start + self._stdout.read(_LARGEST_ANSWER_BYTES + 1)
        if len(received) > _LARGEST_ANSWER_BYTES:
            raise malformed(self._device, f"more than {_LARGEST_ANSWER_BYTES:,} bytes")
        exit_code = self._process.wait()
        self._reader.join()
        try:
            answer = json.loads(received)
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict) and "problem" in answer and exit_code:
            raise _error_there(self._device, answer)
        if isinstance(answer, dict):
            return answer
        raise self._failure(exit_code, received)

    def _read_stderr(self, stderr: IO[bytes]) -> None:
        with stderr:
            while piece := stderr.read(_BLOCK_BYTES):
                self._stderr = (self._stderr + piece)[-_BLOCK_BYTES:]

    def _failure(self, exit_code: int, received: bytes) -> EdgekitError:
        device, said = self._device, self._stderr.decode(errors="replace").strip()
        last = (said.splitlines() or ["no reason"])[-1]
        if exit_code == UNREACHABLE and not said:
            return EdgekitError(
                f"{device.name} ended the command before it had answered.",
                next_step="run this again; if that fails too, check the device's memory and power supply",
            )
        if exit_code == UNREACHABLE:
            return EdgekitError(
                f"{device.name} could not be reached.",
                received=last,
                next_step=f"check that this works without a password: ssh {device.host} true",
            )
        if "No module named edgekit_runtime" in said or exit_code == 127:
            return EdgekitError(
                f"{device.name} has no edgekit-runtime.",
                received=last,
                next_step=f"edgekit devices setup ssh:{device.host}",
            )
        if exit_code:
            return EdgekitError(f"{device.name} could not run the command.", received=last)
        return malformed(device, repr(received[:60]))


def _remote_script(device: SshDevice, arguments: Sequence[str]) -> str:
    """A shell command for the device, for the Python of ``edgekit devices setup`` unless the user names another."""
    command = shlex.join(["-m", "edgekit_runtime", *arguments, "--json"])
    if device.python != "python3":
        return f"exec {shlex.quote(device.python)} {command}"
    return f'p="$HOME/{SETUP_PYTHON}"; [ -x "$p" ] || p=python3; exec "$p" {command}'


def _error_there(device: SshDevice, fields: dict[str, Any]) -> EdgekitError:
    """An error of the runtime on the device, as an error here."""
    texts = {name: str(fields.get(name, ""))[:1000] for name in ("problem", "expected", "received", "next_step")}
    return EdgekitError(
        f"{device.name}: {texts['problem']}",
        expected=texts["expected"],
        received=texts["received"],
        next_step=texts["next_step"],
    )


def _required(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _close(stream: IO[bytes]) -> None:
    # The device may have hung up before everything was sent.
    with contextlib.suppress(OSError):
        stream.close()
