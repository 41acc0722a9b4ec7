"""Writes the files in which the kernel of a Raspberry Pi describes its processor, and which interpreters read."""

from __future__ import annotations

from pathlib import Path

_CORES = 4
_FEATURES = {
    "arm64": "fp asimd evtstrm crc32 cpuid",
    "armhf": "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm",
}
#: Architecture, variant, part and revision, as reported by a Pi 4 (64-bit) and a Pi 2 (32-bit).
_IDENTITY = {"arm64": ("8", "0x0", "0xd08", "3"), "armhf": ("7", "0x0", "0xc07", "5")}


def write_board_files(root: Path, debian_architecture: str) -> None:
    """Write ``/proc/cpuinfo`` and the list of cores under the root of a device, where qemu looks first.

    Without them, programs would read the files of this machine, which describe another processor.
    """
    architecture, variant, part, revision = _IDENTITY[debian_architecture]
    cores = [
        f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {_FEATURES[debian_architecture]}\n"
        f"CPU implementer\t: 0x41\nCPU architecture: {architecture}\nCPU variant\t: {variant}\n"
        f"CPU part\t: {part}\nCPU revision\t: {revision}\n"
        for core in range(_CORES)
    ]
    files = {"proc/cpuinfo": "\n".join(cores)}
    for name in ("possible", "present", "online"):
        files[f"sys/devices/system/cpu/{name}"] = f"0-{_CORES - 1}\n"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
