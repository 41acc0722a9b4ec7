"""A real device, accessed over SSH with the user's configuration and keys."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices.ssh_response import parse_response, run_bounded
from edgekit_runtime.errors import EdgekitError, UsageError

#: Exit code of ``ssh`` if it cannot connect.
UNREACHABLE = 255
#: The folder comes as a tar file on stdin. Back go the new files as one on stdout, after a line with the exit code and
#: the sizes of the two texts that come before it.
_REMOTE = """\
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir work
tar -C work -xmf -
touch before
cd work
code=0
{python} {arguments} >../out 2>../err </dev/null || code=$?
cd ..
find work -type f -newer before ! -path '*/__pycache__/*' -print0 >new
echo "$code $(wc -c <out) $(wc -c <err)"
cat out err
tar --null -T new -cf -
"""


@dataclass(frozen=True, slots=True)
class SshDevice:
    """A device that ``ssh`` can access without a password prompt.

    Attributes:
        host: Host for ``ssh``: a name in its configuration, or ``USER@HOST``.
        python: Python on the device.
        options: Additional arguments for ``ssh``.
    """

    host: str
    python: str = "python3"
    options: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> SshDevice:
        """Read ``ssh:USER@HOST`` or ``ssh:USER@HOST:PYTHON``.

        Raises:
            UsageError: The text has neither form.
        """
        match = re.fullmatch(r"ssh:(?P<host>[^:\s-][^:\s]*)(?::(?P<python>.+))?", text)
        if match is None:
            raise UsageError(
                "This is not an SSH device.", expected="ssh:USER@HOST or ssh:USER@HOST:PYTHON", received=text
            )
        return cls(match["host"], match["python"] or "python3")

    @property
    def name(self) -> str:
        """What messages and tables call it."""
        return self.host

    def ssh_command(self, script: str) -> list[str]:
        """The command of this machine that runs a shell script on the device."""
        # BatchMode: a password prompt would wait forever. The others end a connection whose other end has vanished.
        batch = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4")
        options = [part for option in batch for part in ("-o", option)]
        return ["ssh", *options, *self.options, "--", self.host, script]

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """See :meth:`edgekit.devices.device.Device.run`."""
        script = _REMOTE.format(python=shlex.quote(self.python), arguments=shlex.join(arguments))
        command = self.ssh_command(script)
        try:
            exit_code, received, stderr = run_bounded(command, _packed(folder))
        except OSError as error:
            raise EdgekitError("ssh could not be started.", received=str(error), next_step="install it") from error
        if exit_code:
            raise EdgekitError(
                f"{self.host} could not be reached."
                if exit_code == UNREACHABLE
                else f"{self.host} could not run the program.",
                received=(stderr.decode(errors="replace").strip().splitlines() or ["no reason"])[-1],
                next_step=f"check that this works without a password: ssh {self.host} {self.python} --version",
            )
        response = parse_response(received)
        response.write_files(folder)
        return subprocess.CompletedProcess(command, response.exit_code, response.stdout, response.stderr)


def _packed(folder: Path) -> bytes:
    """The folder as a tar file, with links replaced by the files they point to."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
        archive.add(folder, ".", filter=lambda member: None if "__pycache__" in member.name else member)
    return packed.getvalue()
