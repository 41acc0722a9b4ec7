"""The Raspberry Pis that can be emulated, and what is installed on each."""

from __future__ import annotations

from dataclasses import asdict, dataclass

#: Raspberry Pi OS of 2023 to 2025 is made from it; its Python is 3.11.
DEBIAN_RELEASE = "bookworm"
PYTHON_VERSION = "3.11"

#: The lists of qemu's own release: 7.2, bookworm's, gives wrong int8 answers for a processor that it makes up.
QEMU_RELEASE = "bookworm-backports"


@dataclass(frozen=True, slots=True)
class PiKind:
    """One kind of Raspberry Pi, as it is emulated.

    Attributes:
        name: What the commands call it.
        title: What it is.
        debian_architecture: Debian's name of its processor's architecture.
        library_folder: The folder of its libraries under ``/usr/lib``.
        qemu: The program that emulates it.
        processors: qemu's names of the processors that such boards have, the usual one first. Never qemu's own
            default: it offers instructions that no Pi has, and int8 answers came out wrong with them.
        packages: Debian packages, each brought along with what it needs.
        wheels: Published packages with their versions.
        platforms: Tags of the wheels that run there; pip takes each literally.
    """

    name: str
    title: str
    debian_architecture: str
    library_folder: str
    qemu: str
    processors: tuple[str, ...]
    packages: tuple[str, ...]
    wheels: tuple[str, ...]
    platforms: tuple[str, ...]

    @property
    def recipe(self) -> str:
        """A digest of everything above and of the releases: a device of another recipe is out of date."""
        # Here, since the command's help names the kinds and would wait for OpenSSL.
        import hashlib

        text = repr((sorted(asdict(self).items()), DEBIAN_RELEASE, QEMU_RELEASE))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_PYTHON = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "libatomic1")
_ARM64_PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (17, 27, 28, 34))

KINDS = {
    kind.name: kind
    for kind in (
        PiKind(
            name="pi-arm64",
            title="Raspberry Pi OS, 64-bit; LiteRT",
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
            debian_architecture="armhf",
            library_folder="arm-linux-gnueabihf",
            qemu="qemu-arm",
            # Pi 2; the later ones run its instructions.
            processors=("cortex-a7",),
            # There are no wheels of numpy and Pillow for it: these are Debian's.
            packages=(*_PYTHON, "python3-numpy", "python3-pil"),
            wheels=("tflite-runtime==2.14.0",),
            platforms=("manylinux_2_34_armv7l",),
        ),
    )
}
