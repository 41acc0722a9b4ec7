"""Builds, finds and removes emulated Pis in the cache folder; a build is renamed into place when it is complete."""

from __future__ import annotations

import fcntl
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.datasets.downloading import cache_folder
from edgekit.devices.emulation.board_files import write_board_files
from edgekit.devices.emulation.catalogue import QEMU_RELEASE, PiKind
from edgekit.devices.emulation.commands import DeviceUnavailableError, require_program, run
from edgekit.devices.emulation.debian_packages import PackageSource, find_archive, unpack, unpack_file
from edgekit.devices.emulation.wheels import fetch_wheels
from edgekit.progress import progress_bar
from edgekit_runtime.errors import EdgekitError

#: Prefixes of Debian packages that are needed only to install other packages and are never run here.
_LEFT_OUT = ("dpkg_", "tar_", "perl", "libperl", "mailcap_", "mime-support_")

# Replaces Debian's Python at the same path, so that Python finds its library, and a program that starts sys.executable
# starts it emulated again.
_LAUNCHER = """\
#!/bin/sh
self=$(readlink -f -- "$0")
root=${{self%/usr/bin/*}}
exec "$root/../{qemu}" -cpu "${{QEMU_CPU:-{processor}}}" -L "$root" -0 "$self" "$self.emulated" "$@"
"""

# Reports the installed versions, which proves that NumPy and the interpreter can be imported there.
_TRIAL = """\
import json, platform, sys
import numpy
sys.path.insert(0, sys.argv[1])
from edgekit_runtime.interpreters.choosing import choose_interpreter
choice = choose_interpreter()
facts = {"machine": platform.machine(), "python": platform.python_version(), "numpy": numpy.__version__,
         "interpreter": choice.name + " " + choice.version}
print(json.dumps(facts))
"""


@dataclass(frozen=True, slots=True)
class EmulatedPi:
    """A built emulated Pi.

    Attributes:
        name: Name of its kind.
        folder: Folder of its files.
        recipe: Digest of the recipe it was built from.
        machine: Architecture as reported by its kernel.
        python: Python version.
        numpy: NumPy version.
        interpreter: Interpreter for .tflite models, with its version.
        size_bytes: Size on disk in bytes.
    """

    name: str
    folder: Path
    recipe: str
    machine: str
    python: str
    numpy: str
    interpreter: str
    size_bytes: int

    @property
    def launcher(self) -> Path:
        """Path of its Python, which this machine can run; ``QEMU_CPU`` selects the processor."""
        return self.folder / "python"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {**asdict(self), "folder": str(self.folder)}


def devices_folder() -> Path:
    """Folder of all emulated Pis."""
    return cache_folder().absolute() / "devices"


def find(kind: PiKind) -> EmulatedPi | None:
    """The built device of this kind; None if it does not exist or is outdated."""
    folder = devices_folder() / kind.name
    try:
        facts = json.loads((folder / "device.json").read_text(encoding="utf-8"))
        device = EmulatedPi(folder=folder, **facts)
    except (OSError, ValueError, TypeError):
        return None
    return device if device.recipe == kind.recipe else None


def create(kind: PiKind, mirror: str | None = None) -> EmulatedPi:
    """Build a device unless it exists; leftovers of a killed build are removed.

    Args:
        kind: Kind of the device.
        mirror: Address of a Debian mirror; None uses the one in this machine's apt sources.
    Raises:
        DeviceUnavailableError: This machine lacks a program, the network or the right processor.
        EdgekitError: The device was built but does not work, or the disk is full.
    """
    with _only_one_build(kind):
        built = find(kind)
        if built is not None:
            return built
        for leftover in devices_folder().glob(f".{kind.name}-*"):
            _delete(leftover)
        _require_this_machine_can()
        building = Path(tempfile.mkdtemp(prefix=f".{kind.name}-", dir=devices_folder()))
        try:
            _build(kind, building, mirror)
            _replace(building, devices_folder() / kind.name)
        except OSError as error:
            raise EdgekitError(
                f"{kind.name} could not be built.",
                received=f"{error.strerror or error}: {error.filename}",
                next_step="free some space, or set EDGEKIT_CACHE to another folder",
            ) from error
        finally:
            _delete(building)
    device = find(kind)
    assert device is not None
    return device


def remove(kind: PiKind) -> bool:
    """Delete a device and return whether it existed."""
    folder = devices_folder() / kind.name
    if not folder.is_dir():
        return False
    with _only_one_build(kind):
        _replace(None, folder)
    return True


def _require_this_machine_can() -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise DeviceUnavailableError(
            "Pis are emulated on x86-64 Linux only.",
            received=f"{platform.system()} on {platform.machine()}",
            next_step="check on a real Pi with: edgekit devices check ssh:pi@HOST MODEL",
        )
    for name, package in (("apt-get", "apt"), ("apt-config", "apt"), ("dpkg-deb", "dpkg")):
        require_program(name, package)


@contextmanager
def _only_one_build(kind: PiKind) -> Iterator[None]:
    """Wait until no other process builds or removes this device, and lock it for the block."""
    try:
        devices_folder().mkdir(parents=True, exist_ok=True)
        lock = (devices_folder() / f"{kind.name}.lock").open("w")
    except OSError as error:
        raise EdgekitError(
            f"{devices_folder()} cannot be written.",
            received=error.strerror or str(error),
            next_step="set EDGEKIT_CACHE to a folder that can",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(kind: PiKind, folder: Path, mirror: str | None) -> None:
    root = folder / "root"
    with tempfile.TemporaryDirectory(dir=folder) as apt, progress_bar(f"Building {kind.name}", total=5) as advance:
        archive = find_archive(mirror)
        qemu = PackageSource(Path(apt, "qemu"), archive, "amd64", QEMU_RELEASE).fetch_alone("qemu-user")
        unpack_file(qemu, f"usr/bin/{kind.qemu}", folder / kind.qemu)
        advance(1)
        source = PackageSource(Path(apt, "root"), archive, kind.debian_architecture, kind.release.name)
        packages = [path for path in source.fetch(kind.packages) if not path.name.startswith(_LEFT_OUT)]
        advance(1)
        unpack(packages, root)
        _link_merged_folders(root)
        _drop_documents(root)
        _link_linear_algebra(root / "usr" / "lib" / kind.library_folder)
        write_board_files(root, kind.debian_architecture)
        advance(1)
        fetch_wheels(kind.wheels, kind.platforms, kind.release.python_version, root / "usr/lib/python3/dist-packages")
        advance(1)
        program = f"usr/bin/python{kind.release.python_version}"
        _write_launcher(kind, root / program)
        (folder / "python").symlink_to(f"root/{program}")
        facts = _try_out(folder / "python")
        advance(1)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    described = {"name": kind.name, "recipe": kind.recipe, **facts, "size_bytes": size}
    (folder / "device.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def _drop_documents(root: Path) -> None:
    for name in ("doc", "man", "locale", "perl", "lintian"):
        shutil.rmtree(root / "usr" / "share" / name, ignore_errors=True)


def _link_merged_folders(root: Path) -> None:
    """Make /lib a link to /usr/lib, which Debian's packages contain no longer from Trixie on."""
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")


def _link_linear_algebra(libraries: Path) -> None:
    """Select the BLAS and LAPACK libraries, which the installation of Debian's packages would do."""
    for name in ("blas", "lapack"):
        if (libraries / name).is_dir():
            (libraries / f"lib{name}.so.3").symlink_to(f"{name}/lib{name}.so.3")


def _write_launcher(kind: PiKind, path: Path) -> None:
    path.rename(path.with_name(path.name + ".emulated"))
    path.write_text(_LAUNCHER.format(qemu=kind.qemu, processor=kind.processors[0]), encoding="ascii")
    path.chmod(0o755)


def _try_out(launcher: Path) -> dict[str, str]:
    import edgekit_runtime

    package = Path(edgekit_runtime.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, package.name).symlink_to(package)
        try:
            printed = run([str(launcher), "-I", "-c", _TRIAL, folder], doing="Trying the device out")
        except DeviceUnavailableError as error:
            raise EdgekitError(
                "The device was built and does not work.",
                received=error.received,
                next_step="report this, with the output of: edgekit doctor",
            ) from error
    facts: dict[str, str] = json.loads(printed)
    return facts


def _replace(new: Path | None, place: Path) -> None:
    """Move ``new`` to ``place``; the old folder disappears in one step, not file by file."""
    if place.exists():
        grave = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        place.rename(grave / "old")
        if new is not None:
            new.rename(place)
        _delete(grave)
    elif new is not None:
        new.rename(place)


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
