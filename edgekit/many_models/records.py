"""Records of finished conversions beside the results, so that a repeated command skips what has been done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import edgekit
from edgekit.datasets.kinds import path_of
from edgekit.many_models.planning import PlannedConversion
from edgekit.many_models.result import ModelRow, Status
from edgekit_runtime.errors import EdgekitError

#: Folder with one record per converted model, beside the results.
RECORDS = ".edgekit-convert"


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a folder with results.

    Attributes:
        folder: Folder with the records.
    """

    folder: Path

    @classmethod
    def beside(cls, results: Path) -> Records:
        """The records beside results; the folder is created if missing.

        Raises:
            EdgekitError: The folder cannot be written to.
        """
        try:
            (results / RECORDS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EdgekitError(
                f"The folder {results} cannot be written to.",
                received=error.strerror or str(error),
                next_step="choose another folder with --output",
            ) from error
        return cls(results / RECORDS)

    def key_of(self, planned: PlannedConversion) -> dict[str, str] | None:
        """What the result depends on: source, options, files that these name, and version of edgekit.

        Data, labels and other files count as unchanged if their names, sizes and times are. None if the source does not
        exist.
        """
        from edgekit_converters.lowering.source_digest import digest

        if not planned.source.exists():
            return None
        return {
            "source": digest(planned.source),
            "options": _options_digest(planned),
            "files": _files_digest(planned),
            "edgekit": edgekit.__version__,
        }

    def earlier(self, planned: PlannedConversion, key: Mapping[str, str] | None) -> ModelRow | None:
        """The row of an earlier run, if it had the same key and its files are unchanged."""
        try:
            stored = json.loads(self._place(planned).read_text())
            if key is None or stored["key"] != key:
                return None
            for path, sha256 in stored["sha256"].items():
                if hashlib.sha256(Path(path).read_bytes()).hexdigest() != sha256:
                    return None
            return ModelRow.from_dict(stored["row"] | {"status": Status.SKIPPED.value, "seconds": 0.0})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # No record, or a damaged one: the model is converted again.

    def write(
        self, planned: PlannedConversion, key: Mapping[str, str] | None, row: ModelRow, sha256: Mapping[str, str]
    ) -> None:
        """Record a finished conversion.

        Args:
            planned: The model.
            key: Its key before the conversion.
            row: The result.
            sha256: SHA-256 of each written file, in hex, by its path.
        """
        from edgekit_converters.atomic_files import write_text

        stored = {"key": key, "sha256": dict(sha256), "row": row.to_dict()}
        write_text(self._place(planned), json.dumps(stored, indent=1))

    def _place(self, planned: PlannedConversion) -> Path:
        return self.folder / f"{hashlib.sha256(str(planned.output.resolve()).encode()).hexdigest()[:32]}.json"


def _files_digest(planned: PlannedConversion) -> str:
    named = [value for value in planned.options.values() if isinstance(value, Path)]
    data = path_of(planned.options.get("data"))
    if data is not None:
        named.append(data)
    files = sorted(file for path in named for file in (path.rglob("*") if path.is_dir() else (path,)))
    seen = hashlib.sha256()
    for file in filter(Path.is_file, files):
        status = file.stat()
        seen.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _options_digest(planned: PlannedConversion) -> str:
    text = json.dumps(dict(planned.options), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
