"""Downloads Debian packages of another architecture with apt, using a separate configuration.

Sources and network settings are read from this machine's apt configuration. Nothing of it is changed, and root is not
needed.
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
#: Suites of Debian's archive. Archives of others have other components or other suite names.
_SUITES = frozenset({"bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"})
#: Settings about what to download instead of how.
_NOT_COPIED = ("Acquire::IndexTargets", "Acquire::Changelogs", "Acquire::Languages", "Acquire::CompressionTypes")
_ONE_LINE = re.compile(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class DebianArchive:
    """An archive of Debian packages.

    Attributes:
        uri: Address of a mirror.
        signed_by: Path of the keyring that its lists are signed with; empty for the keys that apt trusts by default.
    """

    uri: str
    signed_by: str


def find_archive(mirror: str | None = None, machines_apt: Path = _MACHINES_APT) -> DebianArchive:
    """The given mirror, or else the one in this machine's apt sources.

    Raises:
        DeviceUnavailableError: This machine's apt has no source of Debian's packages.
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
        # Archives of others may use Debian's suite names, so an address that ends with debian is preferred.
        return min(archives, key=lambda archive: "debian" not in archive.uri.rstrip("/").rpartition("/")[2])
    raise DeviceUnavailableError(
        "This machine's apt has no source of Debian's packages, which an emulated Pi is built of.",
        expected=f"a source with the component main and a suite such as {sorted(_SUITES)[0]} in {machines_apt}",
        received="none, as on Ubuntu",
        next_step="pass --mirror with the address of a Debian mirror, and install debian-archive-keyring",
    )


def _sources(machines_apt: Path) -> Iterator[dict[str, str]]:
    """Yield the sources in both of apt's formats, with the field names of the newer one."""
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
                # Signed-By may contain a whole keyring over several lines; only a path is used.
                yield {"suites": "", "components": "", "signed-by": "", **fields}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class PackageSource:
    """Runs apt for one architecture and one release, with all of its files in one folder."""

    def __init__(self, folder: Path, archive: DebianArchive, architecture: str, release: str) -> None:
        """Write the configuration; the fetch methods download packages.

        Args:
            folder: Folder for apt's files, which is created.
            archive: Archive of the packages.
            architecture: Debian's name for the architecture.
            release: Code name of the release.
        """
        self._folder = folder
        self._configuration = folder / "apt.conf"
        for name in ("lists/partial", "archives/partial", "sources"):
            (folder / name).mkdir(parents=True)
        # The status file is empty, as if nothing were installed, so that all dependencies are downloaded.
        (folder / "status").touch()
        signed_by = f"Signed-By: {archive.signed_by}\n" if archive.signed_by else ""
        (folder / "sources" / "debian.sources").write_text(
            f"Types: deb\nURIs: {archive.uri}\nSuites: {release}\nComponents: main\n{signed_by}", encoding="utf-8"
        )
        self._configuration.write_text(_configuration(folder, architecture), encoding="utf-8")

    def fetch(self, packages: Sequence[str]) -> list[Path]:
        """Download packages with all dependencies.

        Returns:
            Paths of the ``.deb`` files.
        Raises:
            DeviceUnavailableError: There is no network, or the mirror lacks the release or a package.
        """
        self._apt_get("update")
        self._apt_get("install", "--yes", "--download-only", *packages)
        return sorted((self._folder / "archives").glob("*.deb"))

    def fetch_alone(self, package: str) -> Path:
        """Download one package without its dependencies; see ``fetch`` for the errors."""
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
        # Without this setting, apt-get reports success if there is no network.
        'APT::Update::Error-Mode "any";',
        # If run as root, apt would otherwise download as a user without write permission here.
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
    """Unpack packages into one folder without running anything in them.

    Raises:
        DeviceUnavailableError: A package is damaged, or the disk is full.
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
