"""A child process that runs pieces, one at a time, and keeps what it has opened for the next ones.

TensorFlow is loaded in such children only, never in a Dask worker. The child ends when its parent closes the pipe,
which the system does if the parent is killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from edgekit_runtime.errors import EdgekitError

_HEADER = struct.Struct("<Q")
#: Attempts at a piece whose process ends, for example because memory ran out.
_ATTEMPTS = 3


class PieceProcess:
    """The parent's end of a child that runs pieces.

    Args:
        memory_bytes: Limit of the child's memory; None for none.
    """

    def __init__(self, memory_bytes: int | None = None) -> None:
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, pickled: bytes, places: Mapping[str, str]) -> Any:
        """Run a piece; if the child ends meanwhile, another child runs it.

        Args:
            pickled: The piece.
            places: Where its files are on this machine, by their paths in the piece; empty if they are where it says.
        Raises:
            EdgekitError: The piece failed, or the child ended repeatedly.
        """
        request = pickle.dumps((pickled, dict(places)))
        for _ in range(_ATTEMPTS):
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                write_message(process.stdin, request)
                answer = read_message(process.stdout)
            except (BrokenPipeError, EOFError):
                code = process.wait()
                self._process = None
                continue
            error, result = pickle.loads(answer)
            if error is not None:
                raise error
            return result
        raise EdgekitError(
            f"A piece of the work ended its process {_ATTEMPTS} times.",
            received=_cause(code),
            next_step="give each worker more memory, or use fewer workers",
        )

    def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            arguments = [] if self._memory_bytes is None else [str(self._memory_bytes)]
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def write_message(file: IO[bytes], content: bytes) -> None:
    """Write a message with its length."""
    file.write(_HEADER.pack(len(content)) + content)
    file.flush()


def read_message(file: IO[bytes]) -> bytes:
    """Read a message.

    Raises:
        EOFError: The other end was closed.
    """
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    content = file.read(_HEADER.unpack(header)[0])
    if len(content) < _HEADER.unpack(header)[0]:
        raise EOFError
    return content


def _limit_memory(size: int) -> None:
    """Let allocations beyond ``size`` fail, here and in the children of this process."""
    import resource

    # Both limits, so that no child raises its own again.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _answer(request: bytes) -> bytes:
    try:
        pickled, places = pickle.loads(request)
        piece = pickle.loads(pickled)
        result = piece.run(lambda path: Path(places.get(str(path), path)), lambda _steps: None)
        return pickle.dumps((None, result))
    except EdgekitError as error:
        return pickle.dumps((error, None))
    except Exception as error:
        import traceback

        traceback.print_exc()
        why = EdgekitError("A piece of the work failed.", received=f"{type(error).__name__}: {error}")
        return pickle.dumps((why, None))


def main() -> None:
    """Answer the requests of the parent until it closes the pipe."""
    import queue
    import signal
    import threading

    from edgekit_converters.lowering.fork_server import fork_server

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if len(sys.argv) > 1:
        _limit_memory(int(sys.argv[1]))
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stdin = os.fdopen(os.dup(0), "rb")
    stdout = os.fdopen(os.dup(1), "wb")
    # What libraries print must not come between the messages.
    os.dup2(2, 1)

    def receive() -> None:
        with contextlib.suppress(EOFError):
            while True:
                requests.put(read_message(stdin))
        os._exit(1)

    threading.Thread(target=receive, daemon=True).start()
    # Pieces that convert models share what TensorFlow has loaded.
    with fork_server():
        while True:
            write_message(stdout, _answer(requests.get()))


if __name__ == "__main__":
    main()
