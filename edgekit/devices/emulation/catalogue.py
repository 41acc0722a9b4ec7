"""Lists the Raspberry Pis that can be emulated, and the packages on each."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """A release of Debian that Raspberry Pi OS is based on.

    Attributes:
        name: Code name.
        python_version: Version of its Python.
    """

    name: str
    python_version: str


#: Raspberry Pi OS of 2023 to 2025, and of 2025 on.
BOOKWORM = Release("bookworm", "3.11")
TRIXIE = Release("trixie", "3.13")

#: Release that qemu comes from. Bookworm's qemu 7.2 computes wrong int8 predictions for its default processor.
QEMU_RELEASE = "bookworm-backports"


@dataclass(frozen=True, slots=True)
class PiKind:
    """One kind of emulated Raspberry Pi.

    Attributes:
        name: Name in the commands.
        title: Description.
        release: Release that it is based on.
        debian_architecture: Debian's name for the processor architecture.
        library_folder: Folder of the libraries under ``/usr/lib``.
        qemu: Name of the qemu program.
        processors: qemu's names for the processors of such boards, the most common one first. qemu's default processor
            is never used: it has instructions that no Pi has, with which int8 predictions were wrong.
        packages: Debian packages, which are installed with their dependencies.
        wheels: Published packages with their versions.
        platforms: Tags of the compatible wheels; pip matches each tag literally.
    """

    name: str
    title: str
    release: Release
    debian_architecture: str
    library_folder: str
    qemu: str
    processors: tuple[str, ...]
    packages: tuple[str, ...]
    wheels: tuple[str, ...]
    platforms: tuple[str, ...]

    @property
    def recipe(self) -> str:
        """Digest of all fields and of the release of qemu; a device with another recipe is outdated."""
        # Imported here because the command's help lists the kinds and must not load OpenSSL.
        import hashlib

        text = repr((sorted(asdict(self).items()), QEMU_RELEASE))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_PYTHON = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "libatomic1")
# ctypes, through which the C library is called, needs libffi.
_PYTHON_3_13 = ("python3.13-minimal", "libpython3.13-stdlib", "libffi8", "libstdc++6", "libatomic1")
_ARM64_PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (17, 27, 28, 34))

KINDS = {
    kind.name: kind
    for kind in (
        PiKind(
            name="pi-arm64",
            title="Raspberry Pi OS, 64-bit; LiteRT",
            release=BOOKWORM,
            debian_architecture="arm64",
            library_folder="aarch64-linux-gnu",
            qemu="qemu-aarch64",
            # Pi 4; Pi 3 and Zero 2; Pi 5.
            processors=("cortex-a72", "cortex-a53", "cortex-a76"),
            packages=_PYTHON,
            wheels=("ai-edge-litert==2.3.0", "numpy==2.4.6", "pillow==13.0.0"),
            platforms=_ARM64_PLATFORMS,
        ),
        PiKind(
            name="pi-arm64-tflite-runtime",
            title="Raspberry Pi OS, 64-bit; tflite-runtime",
            release=BOOKWORM,
            debian_architecture="arm64",
            library_folder="aarch64-linux-gnu",
            qemu="qemu-aarch64",
            processors=("cortex-a72", "cortex-a53", "cortex-a76"),
            packages=_PYTHON,
            wheels=("tflite-runtime==2.14.0", "numpy==1.26.4", "pillow==13.0.0"),
            platforms=_ARM64_PLATFORMS,
        ),
        PiKind(
            name="pi-armhf",
            title="Raspberry Pi OS, 32-bit; tflite-runtime",
            release=BOOKWORM,
            debian_architecture="armhf",
            library_folder="arm-linux-gnueabihf",
            qemu="qemu-arm",
            # Pi 2; later boards support its instructions.
            processors=("cortex-a7",),
            # NumPy and Pillow have no wheels for this architecture, so Debian's packages are used.
            packages=(*_PYTHON, "python3-numpy", "python3-pil"),
            wheels=("tflite-runtime==2.14.0",),
            platforms=("manylinux_2_34_armv7l",),
        ),
        PiKind(
            name="pi-arm64-trixie",
            title="Raspberry Pi OS Trixie, 64-bit; TensorFlow Lite C library",
            release=TRIXIE,
            debian_architecture="arm64",
            library_folder="aarch64-linux-gnu",
            qemu="qemu-aarch64",
            processors=("cortex-a72", "cortex-a53", "cortex-a76"),
            packages=_PYTHON_3_13,
            wheels=("pymicro-wakeword==2.5.0", "numpy==2.4.6", "pillow==13.0.0"),
            platforms=(*_ARM64_PLATFORMS, "manylinux_2_35_aarch64"),
        ),
        PiKind(
            name="pi-armhf-trixie",
            title="Raspberry Pi OS Trixie, 32-bit; TensorFlow Lite C library",
            release=TRIXIE,
            debian_architecture="armhf",
            library_folder="arm-linux-gnueabihf",
            qemu="qemu-arm",
            processors=("cortex-a7",),
            packages=(*_PYTHON_3_13, "python3-numpy", "python3-pil"),
            wheels=("pymicro-wakeword==2.5.0",),
            platforms=("manylinux_2_35_armv7l",),
        ),
    )
}
