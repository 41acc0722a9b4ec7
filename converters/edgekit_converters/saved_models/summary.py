"""The information that ``edgekit inspect`` shows about a SavedModel folder, without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_converters.saved_models.description import Signature, read_graph_file, read_meta_graphs
from edgekit_converters.saved_models.scan import operator_counts, require_allowed, require_no_unknown_operators
from edgekit_converters.saved_models.signature_choice import choose_signature, serving_graph, usable_signatures
from edgekit_converters.saved_models.stored_values import require_checkpoint
from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True, repr=False)
class SavedModelSummary(ResultDisplay):
    """A SavedModel folder.

    Attributes:
        folder: Name of the folder.
        tensorflow_version: Version that wrote it; empty if the file does not say.
        tags: Tags of the graph for inference.
        size_bytes: Size of all files in the folder in bytes.
        signatures: Usable signatures.
        converted: Name of the signature that ``edgekit convert`` selects by default; empty if it selects none.
        operators: Count of each operator that this signature needs, or all signatures if it selects none.
        refusal: Reason why the folder would not be converted as it is; empty if it would.
        next_step: What the user can do about it.
    """

    folder: str
    tensorflow_version: str
    tags: tuple[str, ...]
    size_bytes: int
    signatures: tuple[Signature, ...]
    converted: str
    operators: dict[str, int]
    refusal: str
    next_step: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "folder": self.folder,
            "tensorflow_version": self.tensorflow_version,
            "tags": list(self.tags),
            "size_bytes": self.size_bytes,
            "signatures": [signature.to_dict() for signature in self.signatures],
            "converted": self.converted,
            "operators": self.operators,
            "refusal": self.refusal,
            "next_step": self.next_step,
        }

    def summary(self) -> Summary:
        """Version, size, signatures, and the result of a conversion."""
        facts = [
            ("TensorFlow", self.tensorflow_version or "not stated"),
            ("size", f"{self.size_bytes:,} bytes"),
            *(("signature", str(signature)) for signature in self.signatures),
            ("operators", f"{sum(self.operators.values()):,}"),
            ("conversion", f"refused: {self.refusal}" if self.refusal else f"accepted, signature {self.converted}"),
        ]
        return Summary(f"SavedModel {self.folder}", (*facts, *((("next", self.next_step),) if self.next_step else ())))


def summarize_saved_model(folder: Path, signature_name: str | None = None) -> SavedModelSummary:
    """Read a SavedModel folder, without loading or running any of it.

    Args:
        folder: The SavedModel.
        signature_name: The signature that would be converted; None leaves the choice to the file.
    Raises:
        ModelFileError: The folder is not a SavedModel, or is damaged.
        ConversionError: It contains only graphs for training.
    """
    graph = serving_graph(read_meta_graphs(read_graph_file(folder), folder), folder)
    signatures = usable_signatures(graph)
    converted, refusal, next_step = "", "", ""
    try:
        require_no_unknown_operators(graph, folder)
        converted = choose_signature(graph, signature_name, folder).name
        part = require_allowed(graph, graph.signatures[converted], folder)
        if part.stored:
            require_checkpoint(folder)
    except EdgekitError as error:
        refusal = error.problem
        next_step = error.next_step
    counted = [graph.signatures[converted]] if converted else signatures
    return SavedModelSummary(
        folder=folder.name,
        tensorflow_version=graph.tensorflow_version,
        tags=graph.tags,
        size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        signatures=signatures,
        converted=converted,
        operators=operator_counts(graph, counted),
        refusal=refusal,
        next_step=next_step,
    )
