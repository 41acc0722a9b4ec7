"""Debian packages of another architecture, fetched by apt with a configuration of its own.

The machine's apt is asked where its packages come from and how it reaches the network; nothing of it is changed, and
nothing needs root.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices.emulation.commands import DeviceUnavailableError, run
from edgekit_runtime.errors import EdgekitError

_MACHINES_APT = Path("/etc/apt")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: Suites of Debian's own archive; others' archives have components of their own, or suites of other names.
_SUITES = frozenset({"bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"})
#: Settings that say what to fetch, not how.
_NOT_COPIED = ("Acquire::IndexTargets", "Acquire::Changelogs", "Acquire::Languages", "Acquire::CompressionTypes")
_ONE_LINE = re.compile(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class DebianArchive:
    """Where Debian packages come from.

    Attributes:
        uri: Address of a mirror.
        signed_by: Path of the keyring that its lists are signed with; empty for those that apt trusts anyhow.
    """

    uri: str
    signed_by: str


def find_archive(mirror: str | None = None, machines_apt: Path = _MACHINES_APT) -> DebianArchive:
    """The mirror that was asked for, else the one in this machine's apt sources.

    Raises:
        DeviceUnavailableError: This machine's apt has no source of Debian's own packages.
    """
    keyring = str(_KEYRING) if _KEYRING.is_file() else ""
    if mirror is not None:
        return DebianArchive(mirror, keyring)
    archives = [
        DebianArchive(source["uris"].split()[0], keyring or source["signed-by"])
        for source in _sources(machines_apt)
        if "main" in source["components"].split() and _SUITES & set(source["suites"].split())
    ]
    if archives:
        # Others' archives may name their suites as Debian does; a mirror of Debian's has its name at the end.
        return min(archives, key=lambda archive: "debian" not in archive.uri.rstrip("/").rpartition("/")[2])
    raise DeviceUnavailableError(
        "This machine's apt has no source of Debian's packages, which an emulated Pi is built of.",
        expected=f"a source with the component main and a suite such as {sorted(_SUITES)[0]} in {machines_apt}",
        received="none, as on Ubuntu",
        next_step="pass --mirror with the address of a Debian mirror, and install debian-archive-keyring",
    )


def _sources(machines_apt: Path) -> Iterator[dict[str, str]]:
    """Sources in both of apt's formats, as the fields of the newer one."""
    for path in (machines_apt / "sources.list", *sorted((machines_apt / "sources.list.d").glob("*.list"))):
        for line in _text(path).splitlines():
            match = _ONE_LINE.match(line)
            if match:
                signed_by = re.search(r"signed-by=(\S+)", match["options"] or "")
                yield {
                    "uris": match["uri"],
                    "suites": match["suite"],
                    "components": match["rest"].partition("#")[0],
                    "signed-by": signed_by[1] if signed_by else "",
                }
    for path in sorted((machines_apt / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", _text(path)):
            lines = (line for line in stanza.splitlines() if re.match(r"[A-Za-z-]+:", line))
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no" and "uris" in fields:
                # A keyring may stand there itself, over several lines; only a path is taken.
                yield {"suites": "", "components": "", "signed-by": "", **fields}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class PackageSource:
    """apt for one architecture and one release, all of its files in one folder."""

    def __init__(self, folder: Path, archive: DebianArchive, architecture: str, release: str) -> None:
        """Write the configuration; ``fetch`` does the rest.

        Args:
            folder: Becomes apt's; it is made.
            archive: Where the packages come from.
            architecture: Debian's name of it.
            release: Code name.
        """
        self._folder = folder
        self._configuration = folder / "apt.conf"
        for name in ("lists/partial", "archives/partial", "sources"):
            (folder / name).mkdir(parents=True)
        # No package is installed: everything that a package needs is fetched with it.
        (folder / "status").touch()
        signed_by = f"Signed-By: {archive.signed_by}\n" if archive.signed_by else ""
        (folder / "sources" / "debian.sources").write_text(
            f"Types: deb\nURIs: {archive.uri}\nSuites: {release}\nComponents: main\n{signed_by}", encoding="utf-8"
        )
        self._configuration.write_text(_configuration(folder, architecture), encoding="utf-8")

    def fetch(self, packages: Sequence[str]) -> list[Path]:
        """Download packages with all that they need.

        Returns:
            The ``.deb`` files.
        Raises:
            DeviceUnavailableError: There is no network, or the mirror lacks the release or a package.
        """
        self._apt_get("update")
        self._apt_get("install", "--yes", "--download-only", *packages)
        return sorted((self._folder / "archives").glob("*.deb"))

    def fetch_alone(self, package: str) -> Path:
        """Download one package without what it needs; see ``fetch`` for the errors."""
        self._apt_get("update")
        self._apt_get("download", package)
        return next(self._folder.glob("*.deb"))

    def _apt_get(self, *arguments: str) -> None:
        run(
            ["apt-get", "-q", *arguments],
            doing=f"Fetching Debian packages (apt-get {arguments[0]})",
            environment={"APT_CONFIG": str(self._configuration)},
            # ``apt-get download`` writes into the working folder.
            folder=self._folder,
        )


def _configuration(folder: Path, architecture: str) -> str:
    machines = run(["apt-config", "dump"], doing="Reading this machine's apt configuration").splitlines()
    copied = [line for line in machines if line.startswith("Acquire::") and not line.startswith(_NOT_COPIED)]
    own = [
        f'APT::Architecture "{architecture}";',
        f'APT::Architectures {{ "{architecture}"; }};',
        'APT::Install-Recommends "false";',
        # Without it apt-get says that all is well when there is no network.
        'APT::Update::Error-Mode "any";',
        # As root, apt would download as a user who may not write here.
        'APT::Sandbox::User "root";',
        'Acquire::Languages "none";',
        'Acquire::Retries "2";',
        f'Dir::State "{folder}";',
        f'Dir::State::lists "{folder}/lists";',
        f'Dir::State::status "{folder}/status";',
        f'Dir::Cache "{folder}";',
        f'Dir::Cache::archives "{folder}/archives";',
        f'Dir::Etc::sourceparts "{folder}/sources";',
        *(f'Dir::Etc::{name} "/dev/null";' for name in ("sourcelist", "parts", "main", "preferences")),
        'Dir::Etc::preferencesparts "/dev/null";',
        'Debug::NoLocking "true";',
    ]
    return "\n".join([*copied, *own, ""])


def unpack(packages: Sequence[Path], root: Path) -> None:
    """Unpack packages into one folder; nothing in them is run.

    Raises:
        DeviceUnavailableError: One is damaged, or the disk is full.
    """
    for package in packages:
        run(["dpkg-deb", "-x", str(package), str(root)], doing=f"Unpacking {package.name}")


def unpack_file(package: Path, member: str, destination: Path) -> None:
    """Unpack one file of a package, with its permissions.

    Raises:
        EdgekitError: The package is damaged or has no such file.
    """
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reading:
        try:
            assert reading.stdout is not None
            with tarfile.open(fileobj=reading.stdout, mode="r|") as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.name == f"./{member}" else None
                    if content is not None:
                        destination.write_bytes(content.read())
                        destination.chmod(0o755)
                        return
        except tarfile.TarError as error:
            raise EdgekitError(f"{package.name} could not be unpacked.", received=str(error)) from error
        finally:
            reading.kill()
    raise EdgekitError(f"{package.name} has no file {member}.")
