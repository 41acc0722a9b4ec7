"""Children that start at once: a process imports TensorFlow a single time, and forks itself for each lowering.

Most of the time of a small conversion is the import of TensorFlow. If several models are lowered one after the other,
``with fork_server():`` pays for it once. Each model still has a process of its own, in the state of the server after
the import: TensorFlow has no threads then, so a fork is safe.

The server runs as ``python -m edgekit_converters.lowering.fork_server SOCKET``. A request on the socket is the path of
the folder through which the parent and the child exchange files, with the child's three streams and a pipe for its
state: the server writes the child's process id there, and its exit code when it has ended.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from edgekit_runtime.errors import ConversionError

#: Imported before the first fork: what every lowering of a Keras file or SavedModel needs.
_IMPORTED = ("tensorflow", "keras", "h5py", "edgekit_converters.lowering.child")
#: File in the exchange folder with the child's environment and working directory.
_SETTINGS = "settings.json"
_LONGEST_PATH_BYTES = 5000

_servers: list[ForkServer] = []


@contextlib.contextmanager
def fork_server() -> Iterator[None]:
    """Start children of this process by forking, until the block ends; on systems that cannot, nothing changes."""
    if not (sys.platform == "linux" and hasattr(os, "pidfd_open")) or _servers:
        yield
        return
    server = ForkServer()
    _servers.append(server)
    try:
        yield
    finally:
        _servers.remove(server)
        server.close()


def running_server() -> ForkServer | None:
    """The server to start children with, if there is one."""
    return _servers[-1] if _servers else None


class ForkServer:
    """A process that has imported TensorFlow; it starts with the first child, and ends with :meth:`close`."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path, environment: Mapping[str, str], stderr: IO[bytes]) -> ForkedChild:
        """Start a child.

        Args:
            folder: Exchange folder, with ``request.json``.
            environment: Environment of the child.
            stderr: Its standard error.
        """
        (folder / _SETTINGS).write_text(json.dumps({"environment": dict(environment), "cwd": str(Path.cwd())}))
        pipes = [os.pipe() for _ in range(3)]
        (stdin_read, stdin_write), (stdout_read, stdout_write), (state_read, state_write) = pipes
        theirs = [stdin_read, stdout_write, stderr.fileno(), state_write]
        self._send(folder, theirs, environment)
        for descriptor in (stdin_read, stdout_write, state_write):
            os.close(descriptor)
        return ForkedChild(os.fdopen(stdin_write, "wb"), os.fdopen(stdout_read, "rb"), os.fdopen(state_read, "rb", 0))

    def close(self) -> None:
        """End the server, and with it every child that still runs."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.wait()

    def _send(self, folder: Path, descriptors: list[int], environment: Mapping[str, str]) -> None:
        """Pass a request to the server; one that has not started or was killed is started."""
        for is_new in (False, True):
            if is_new or self._process is None or self._process.poll() is not None:
                self._begin(environment)
            assert self._socket is not None
            # A server that has just been killed may still seem to run.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                socket.send_fds(self._socket, [os.fsencode(folder)], descriptors)
                return
        raise ConversionError("The process that imports TensorFlow ended.", next_step="run the command again")

    def _begin(self, environment: Mapping[str, str]) -> None:
        if self._socket is not None:
            self._socket.close()
        # Packets, so that each request is received as a whole.
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # The threads of OpenBLAS would not survive a fork.
                env={**environment, "TMPDIR": os.environ.get("TMPDIR", ""), "OPENBLAS_NUM_THREADS": "1"},
            )


class ForkedChild:
    """A child of the server; the part of :class:`subprocess.Popen` that lowering uses.

    Attributes:
        stdin: Its standard input.
        stdout: Its standard output.
        returncode: Exit code, or minus the number of the signal that ended it; None while it runs.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], state: IO[bytes]) -> None:
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None
        self._state = state
        self._said = b""

    @property
    def pid(self) -> int:
        """Process id; 0 if the server ended before it could start the child."""
        self._read_until(1)
        first = self._said.partition(b"\n")[0]
        return int(first) if first else 0

    def poll(self) -> int | None:
        """The exit code if the child has ended."""
        if self.returncode is None and self.pid and select.select([self._state], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for the child and return its exit code."""
        if self.returncode is None:
            self._read_until(2)
            lines = self._said.split(b"\n")
            # Without an exit code the server has ended, and the kernel has killed its children.
            self.returncode = int(lines[1]) if len(lines) > 2 else -signal.SIGKILL
            self._state.close()
        return self.returncode

    def kill(self) -> None:
        """Kill the child."""
        if self.returncode is None and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _read_until(self, lines: int) -> None:
        while self._said.count(b"\n") < lines and (piece := self._state.read(100)):
            self._said += piece


def _serve(channel: socket.socket) -> None:
    """Fork a child for each request until the parent closes the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _IMPORTED:
        importlib.import_module(name)
    waiting = selectors.DefaultSelector()
    waiting.register(channel, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not channel:
                _report_end(waiting, key)
                continue
            folder, descriptors, _, _ = socket.recv_fds(channel, _LONGEST_PATH_BYTES, 4)
            if not folder:
                return
            pid = os.fork()
            if pid == 0:
                _become_child(Path(os.fsdecode(folder)), descriptors, channel)
            *streams, state = descriptors
            for descriptor in streams:
                os.close(descriptor)
            os.write(state, f"{pid}\n".encode())
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, state))


def _report_end(waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, state = key.data
    waiting.unregister(key.fileobj)
    os.close(key.fd)
    _, status = os.waitpid(pid, 0)
    # The parent may have closed its end.
    with contextlib.suppress(BrokenPipeError):
        os.write(state, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os.close(state)


def _become_child(folder: Path, descriptors: list[int], channel: socket.socket) -> Any:
    """Take over the streams, the environment and the working directory, lower the source, and end."""
    code = 1
    try:
        server = os.getppid()
        channel.close()
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
        os.closerange(3, max(descriptors) + 1)
        settings = json.loads((folder / _SETTINGS).read_text())
        os.environ.clear()
        os.environ.update(settings["environment"])
        os.chdir(settings["cwd"])
        from edgekit_converters.lowering.child import main

        main(folder, server)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
