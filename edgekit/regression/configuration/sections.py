"""The settings of ``edgekit check``, from ``[tool.edgekit]`` of ``pyproject.toml`` or from ``edgekit.toml``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainValidator,
    ValidationError,
    create_model,
    model_validator,
)

from edgekit.regression.baseline.fields import Fraction, PositiveCount
from edgekit.regression.configuration.errors import explain
from edgekit.regression.configuration.files import PROJECT_FILE, read_toml, tools
from edgekit.regression.rules.registry import all_thresholds
from edgekit.regression.rules.thresholds import Kind, Limits, Threshold
from edgekit_runtime.errors import UsageError


def _growth_or_false(value: Any) -> float | Literal[False]:
    if value is False:
        return False
    if not isinstance(value, (int, float)) or value is True or not 0 <= value < math.inf:
        raise ValueError("a number of at least 0, or false")
    return float(value)


def _path(text: str) -> str:
    if "\0" in text or not text:
        raise ValueError("a path or a name")
    return text


PathText = Annotated[str, AfterValidator(_path)]


#: The type that a configuration accepts for a threshold of each kind.
_ACCEPTED: dict[Kind, Any] = {
    Kind.FRACTION: Fraction,
    Kind.OPTIONAL_FRACTION: Fraction | None,
    Kind.PROBABILITY: Annotated[float, Field(gt=0, lt=1)],
    Kind.GROWTH: Annotated[float, Field(ge=0, allow_inf_nan=False)],
    Kind.GROWTH_OR_FALSE: Annotated[float | Literal[False], PlainValidator(_growth_or_false)],
    Kind.SWITCH: bool,
}
PixelPair = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]


class ModelConfiguration(BaseModel):
    """One model: a .tflite, or a source that is converted first.

    Attributes:
        file: The .tflite; with ``source``, where the conversion is written.
        source: A Keras file, SavedModel or PyTorch program (.pt2) to convert.
        quantize: Quantization mode.
        io: Type of an int8 model's inputs and outputs.
        calibration: Dataset for calibration; None uses ``data``.
        samples: Maximum number of examples for calibration.
        input_shape: Input shape without the batch dimension, for a source that leaves it open.
        signature: Signature of a SavedModel; None uses ``serving_default`` or the only one.
        data: Dataset to judge the model on; None uses the configuration's.
        examples: Part of the data to judge the model on.
        label_column: Column of the ground truth if the data is a table.
        pixel_range: Real values of pixels 0 and 255, or a table of these by input name; None uses those packed into
            the model.
        reference: A .tflite that latency is compared with; None uses a built-in one.
        targets: Runtimes that must be able to run the model; None uses the configuration's.
        thresholds: Limits of this model, which override the configuration's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: PathText | None = None
    source: PathText | None = None
    quantize: str = "none"
    io: str = "float32"
    calibration: PathText | None = None
    samples: Annotated[int, Field(ge=1)] = 256
    input_shape: list[PositiveCount] | None = None
    signature: str | None = None
    data: PathText | None = None
    examples: Literal["held-back", "all"] = "held-back"
    label_column: str | None = None
    pixel_range: PixelPair | dict[str, PixelPair] | None = None
    reference: PathText | None = None
    targets: list[str] | None = None
    thresholds: dict[str, Any] = {}

    @property
    def pixel_ranges(self) -> dict[str, tuple[float, float]]:
        """Real values of pixels 0 and 255 by input name, or under "" for the only image input."""
        named = self.pixel_range if isinstance(self.pixel_range, dict) else {"": self.pixel_range}
        return {name: (pair[0], pair[1]) for name, pair in named.items() if pair is not None}

    @model_validator(mode="after")
    def _has_a_model(self) -> ModelConfiguration:
        if self.file is None and self.source is None:
            raise ValueError('a model needs file = "….tflite" or source = "….h5"')
        return self


class CheckConfiguration(BaseModel):
    """The whole configuration.

    Attributes:
        data: Dataset to judge models on, by name or path.
        baseline: Path of the committed baseline.
        seed: Seed of the data split and of everything random.
        targets: Runtimes that every model must be able to run on.
        thresholds: Limits for all models.
        models: Models by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: PathText | None = None
    baseline: PathText = "edgekit-baseline.json"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    targets: list[str] = []
    thresholds: dict[str, Any] = {}
    models: dict[str, ModelConfiguration]

    def limits_of(self, name: str) -> Limits:
        """Limits of a model: its own settings first, then the configuration's, then the defaults."""
        return Limits(_section(all_thresholds())(**{**self.thresholds, **self.models[name].thresholds}).model_dump())


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """A configuration and the file it was read from.

    Attributes:
        path: Configuration file; paths in it are relative to its folder.
        settings: Content of the file.
    """

    path: Path
    settings: CheckConfiguration

    def resolve(self, path: str) -> Path:
        """Resolve a path relative to the configuration's folder."""
        return self.path.parent / path

    def path_of(self, name: str) -> Path:
        """The file of a model, or its source if no file is named."""
        model = self.settings.models[name]
        return self.resolve(model.file or model.source or "")

    def data_of(self, name: str) -> str:
        """The dataset that a model is judged on.

        Raises:
            UsageError: Neither the model nor the section names one.
        """
        data = self.settings.models[name].data or self.settings.data
        if data is None:
            raise UsageError(
                f"{self.path.name} names no dataset to judge {name} on.",
                expected='data = "digits", or the path of an .npz or of a folder of images',
                next_step=f"add data to the section or to models.{name}",
            )
        return self.data_source(data)

    def data_source(self, data: str) -> str:
        """A dataset name unchanged, or a path resolved relative to the configuration's folder."""
        path = self.resolve(data)
        return str(path) if path.exists() else data


def load_configuration(path: Path) -> LoadedConfiguration:
    """Read and check a configuration.

    Raises:
        UsageError: The file is missing, is not TOML, or has a wrong key or value; the message names file and key.
    """
    return parse_configuration(read_toml(path), path)


def parse_configuration(toml: dict[str, Any], path: Path) -> LoadedConfiguration:
    """Check a configuration that has been read.

    Args:
        toml: Parsed content of the file.
        path: The file, for paths relative to it and for messages.
    Raises:
        UsageError: A key or value is wrong; the message names file and key.
    """
    section = "tool.edgekit" if path.name == PROJECT_FILE else ""
    loaded = configuration_of(tools(toml).get("edgekit", {}) if section else toml, path, section)
    if not loaded.settings.models:
        raise UsageError(f"{path} names no model.", expected="a section [tool.edgekit.models.NAME] for each")
    return loaded


def configuration_of(content: Any, path: Path, section: str) -> LoadedConfiguration:
    """Check the keys and values of a configuration.

    Args:
        content: Keys of the configuration.
        path: The file that paths are relative to.
        section: Dotted name of the section with the keys, for messages; empty for the whole file.
    Raises:
        UsageError: A key or a value is wrong; the message names file and key.
    """
    try:
        settings = CheckConfiguration.model_validate(content)
    except ValidationError as error:
        raise explain(error, path, section, CheckConfiguration) from None
    places = {"thresholds": settings.thresholds}
    places |= {f"models.{name}.thresholds": model.thresholds for name, model in settings.models.items()}
    for place, limits in places.items():
        _check_thresholds(path, section, place, limits)
    return LoadedConfiguration(path, settings)


def _check_thresholds(path: Path, section: str, place: str, limits: dict[str, Any]) -> None:
    accepted = _section(all_thresholds())
    try:
        accepted.model_validate(limits)
    except ValidationError as error:
        raise explain(error, path, ".".join(filter(None, (section, place))), accepted) from None


@cache
def _section(thresholds: tuple[Threshold[Any], ...]) -> type[BaseModel]:
    """The class that checks a section of thresholds, generated from the rules."""
    fields: dict[str, Any] = {each.name: (_ACCEPTED[each.kind], each.default) for each in thresholds}
    return create_model("Thresholds", __config__=ConfigDict(extra="forbid", frozen=True, strict=True), **fields)
