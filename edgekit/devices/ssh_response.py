"""Parses the response of a device over SSH: a line of three numbers, two texts, and a tar file.

The device is trusted to compute predictions, but nothing else: it must not exhaust this machine's memory or choose
where files are written.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from edgekit_runtime.errors import EdgekitError

#: Maximum response size; predictions for some thousand inputs are a few megabytes.
LARGEST_RESPONSE_BYTES = 500_000_000
_LONGEST_STDERR_BYTES = 65_536


class SshResponse(NamedTuple):
    """The parsed response of a device.

    Attributes:
        exit_code: Exit code of the program.
        stdout: Standard output of the program.
        stderr: Standard error of the program.
        files: Content of each new file by name.
    """

    exit_code: int
    stdout: str
    stderr: str
    files: dict[str, bytes]

    def write_files(self, folder: Path) -> None:
        """Write the files into a folder without following links."""
        for name, content in self.files.items():
            place = folder / name
            if place.is_symlink() or place.is_dir():
                raise _malformed(f"a file {name!r}, which is a link or a folder here")
            try:
                place.write_bytes(content)
            except (OSError, ValueError) as error:
                raise _malformed(f"a file {name!r}: {error}") from error


def run_bounded(command: Sequence[str], sent: bytes) -> tuple[int, bytes, bytes]:
    """Run a command with bounded output.

    Args:
        command: Program and arguments.
        sent: Standard input.
    Returns:
        Exit code, standard output, and the end of standard error.
    Raises:
        EdgekitError: The command writes more than :data:`LARGEST_RESPONSE_BYTES`.
        OSError: The command cannot be started.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        kept: list[bytes] = [b""]
        helpers = [
            threading.Thread(target=_send, args=(process.stdin, sent)),
            threading.Thread(target=_keep_end, args=(process.stderr, kept)),
        ]
        for helper in helpers:
            helper.start()
        received = process.stdout.read(LARGEST_RESPONSE_BYTES + 1)
        too_much = len(received) > LARGEST_RESPONSE_BYTES
        if too_much:
            process.kill()
        # This also ends child processes that keep its standard error open.
        process.stdout.close()
        for helper in helpers:
            helper.join()
    if too_much:
        raise _malformed(f"more than {LARGEST_RESPONSE_BYTES:,} bytes")
    return process.returncode, received, kept[0]


def parse_response(received: bytes) -> SshResponse:
    """Parse the response of a device.

    Raises:
        EdgekitError: The response does not have the form that edgekit's program writes.
    """
    head, _, rest = received[:100_000].partition(b"\n")
    numbers = re.fullmatch(rb"([0-9]{1,3}) +([0-9]{1,10}) +([0-9]{1,10})", head.strip())
    if numbers is None:
        raise _malformed(f"a first line {head[:60].decode(errors='replace')!r}")
    rest = received[len(head) + 1 :]
    exit_code, out_size, err_size = map(int, numbers.groups())
    if out_size + err_size > len(rest):
        raise _malformed(f"{len(rest)} bytes of {out_size + err_size}")
    out, err, packed = rest[:out_size], rest[out_size : out_size + err_size], rest[out_size + err_size :]
    try:
        files = dict(_files(packed))
    except EdgekitError:
        raise
    # tarfile raises many kinds of exceptions for damaged headers.
    except Exception as error:
        raise _malformed(f"no tar file: {error}") from error
    return SshResponse(exit_code, out.decode(errors="replace"), err.decode(errors="replace"), files)


def _files(packed: bytes) -> Iterator[tuple[str, bytes]]:
    # "r:" refuses compressed files, which could unpack to any size; sparse files are refused for the same reason.
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        for member in archive:
            if not member.isreg() or member.issparse() or member.size > len(packed):
                raise _malformed(f"{member.name!r}, which is not a plain file")
            # The name without folders: all files end up in one folder.
            name = PurePosixPath(member.name).name
            if name in ("", "..") or "\\" in name:
                raise _malformed(f"a file {member.name!r}")
            content = archive.extractfile(member)
            assert content is not None
            yield name, content.read()


def _send(stdin: BinaryIO, sent: bytes) -> None:
    try:
        with stdin:
            stdin.write(sent)
    except OSError:  # The process has already ended; its exit code is the reason.
        pass


def _keep_end(stderr: BinaryIO, kept: list[bytes]) -> None:
    while piece := stderr.read(_LONGEST_STDERR_BYTES):
        kept[0] = (kept[0] + piece)[-_LONGEST_STDERR_BYTES:]


def _malformed(received: str) -> EdgekitError:
    return EdgekitError(
        "The device sent an invalid response.",
        expected="three numbers, what the program printed, and its files as a tar file",
        received=received,
        next_step="check that a login prints nothing (for example in .bashrc): ssh HOST true",
    )
