"""Reads configuration and baseline of another commit from git, without a checkout."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgekit.regression.baseline.stored import ModelRecord, parse_baseline
from edgekit.regression.configuration.files import parse_toml
from edgekit.regression.configuration.sections import LoadedConfiguration, parse_configuration
from edgekit_runtime.errors import EdgekitError, UsageError


@dataclass(frozen=True, slots=True)
class Reference:
    """Configuration and baseline of a commit.

    Attributes:
        name: Commit name as the user gave it.
        configuration: Configuration of the commit; its path is that of the working tree.
        records: Baseline of the commit.
    """

    name: str
    configuration: LoadedConfiguration
    records: dict[str, ModelRecord]


def read_reference(path: Path, ref: str) -> Reference:
    """Read configuration and baseline of a commit.

    Args:
        path: Configuration in the working tree; the commit's is read from the same path in the repository.
        ref: Commit name, such as ``origin/main``.
    Raises:
        UsageError: ``ref`` does not name exactly one commit, or its configuration is wrong.
        EdgekitError: There is no git repository, or the commit lacks one of the files.
    """
    commit = _Commit.find(path.parent, ref)
    configuration = parse_configuration(parse_toml(commit.read(path), path), path)
    baseline = configuration.resolve(configuration.settings.baseline)
    return Reference(ref, configuration, parse_baseline(commit.read(baseline), baseline))


@dataclass(frozen=True, slots=True)
class _Commit:
    """A commit of a repository.

    Attributes:
        root: Working tree of the repository.
        sha: Object name of the commit.
        name: Commit name as the user gave it.
    """

    root: Path
    sha: str
    name: str

    @classmethod
    def find(cls, folder: Path, ref: str) -> _Commit:
        """Resolve the name of a commit in the repository that a folder belongs to."""
        if not ref or ref.startswith("-"):
            raise UsageError("--baseline-ref takes the name of a commit.", expected="origin/main", received=ref)
        top = _git(folder, "rev-parse", "--show-toplevel")
        if top.returncode:
            raise EdgekitError(
                f"{folder} does not belong to a git repository that can be read.",
                received=_said(top),
                next_step="check inside the repository, or without --baseline-ref",
            )
        found = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        # A tag called origin/main would take the place of the branch: git only warns.
        if found.returncode or found.stderr.strip():
            raise UsageError(
                f"git does not know exactly one commit called {ref}.",
                received=_said(found),
                next_step="fetch it, for example: git fetch origin main; in CI, check out the whole history; "
                "if a tag has the name of a branch: --baseline-ref refs/remotes/origin/main",
            )
        return cls(Path(os.fsdecode(top.stdout).rstrip("\n")), found.stdout.decode().strip(), ref)

    def read(self, path: Path) -> bytes:
        """The content that a file of the working tree has in the commit."""
        # The file name itself is not resolved: a link would lead to a different file than the commit's.
        absolute = path.parent.resolve() / path.name
        if not absolute.is_relative_to(self.root.resolve()):
            raise EdgekitError(
                f"{path} is outside the git repository {self.root}, so {self.name} does not contain it.",
                next_step="keep configuration and baseline inside the repository",
            )
        place = PurePosixPath(absolute.relative_to(self.root.resolve()))
        # Not "git show": filters in the repository's configuration must not change the bytes.
        done = _git(self.root, "cat-file", "blob", f"{self.sha}:{place}")
        if done.returncode:
            raise EdgekitError(
                f"{self.name} has no file {place}.",
                received=_said(done),
                next_step=f"commit it there first: without it in {self.name} there is nothing to compare with",
            )
        return done.stdout


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", "core.warnAmbiguousRefs=true", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        raise EdgekitError("git cannot be run.", received=str(error), next_step="install git") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join(done.stderr.decode(errors="replace").split()) or f"exit code {done.returncode}"
