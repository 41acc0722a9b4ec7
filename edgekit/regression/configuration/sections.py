"""``[tool.edgekit]`` of ``pyproject.toml``, or ``edgekit.toml``: what ``edgekit check`` looks at, and its limits."""

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


#: What a configuration may set a threshold of each kind to.
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
    """One model: a .tflite as it is, or a source that is converted first.

    Attributes:
        file: The .tflite; with ``source``, where the conversion is written.
        source: A Keras file, SavedModel or PyTorch program (.pt2) to convert.
        quantize: The conversion's mode.
        io: Type of an int8 model's inputs and outputs.
        calibration: Data set for calibration; None takes ``data``.
        samples: How many examples calibration takes, at most.
        input_shape: Sizes without the batch, for a source that leaves them open.
        signature: Signature of a SavedModel source; None takes ``serving_default`` or the only one.
        data: Data set that it is judged on; None takes the configuration's.
        examples: Which part of the data it is judged on.
        label_column: Column of labels where the data is a table.
        pixel_range: Real values of pixels 0 and 255, or a table of these by input name; None takes those packed into
            the model.
        reference: A .tflite that latency is compared with; None takes a built-in one.
        targets: Runtimes that must be able to run it; None takes the configuration's.
        thresholds: Its own limits, over the configuration's.
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
        """Real values of pixels 0 and 255 by input name, under "" for the only image."""
        named = self.pixel_range if isinstance(self.pixel_range, dict) else {"": self.pixel_range}
        return {name: (pair[0], pair[1]) for name, pair in named.items() if pair is not None}

    @model_validator(mode="after")
    def _has_a_model(self) -> ModelConfiguration:
        if self.file is None and self.source is None:
            raise ValueError('a model needs file = "….tflite" or source = "….h5"')
        return self


class CheckConfiguration(BaseModel):
    """The whole section.

    Attributes:
        data: Data set that models are judged on, by name or path.
        baseline: The committed baseline.
        seed: Seed of the data set's split and of everything drawn at random.
        targets: Runtimes that every model must be able to run on.
        thresholds: Limits of every model.
        models: The models, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: PathText | None = None
    baseline: PathText = "edgekit-baseline.json"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    targets: list[str] = []
    thresholds: dict[str, Any] = {}
    models: dict[str, ModelConfiguration]

    def limits_of(self, name: str) -> Limits:
        """A model's limits: its own over the section's over the defaults."""
        return Limits(_section(all_thresholds())(**{**self.thresholds, **self.models[name].thresholds}).model_dump())


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """A configuration and where it was read from.

    Attributes:
        path: The file; paths in it are relative to its folder.
        settings: What it says.
    """

    path: Path
    settings: CheckConfiguration

    def resolve(self, path: str) -> Path:
        """A path of the configuration as the process sees it."""
        return self.path.parent / path

    def path_of(self, name: str) -> Path:
        """The file of a model, or its source if it has no file of its own."""
        model = self.settings.models[name]
        return self.resolve(model.file or model.source or "")

    def data_of(self, name: str) -> str:
        """The data set that a model is judged on.

        Raises:
            UsageError: Neither the model nor the section names one.
        """
        data = self.settings.models[name].data or self.settings.data
        if data is None:
            raise UsageError(
                f"{self.path.name} names no data to judge {name} on.",
                expected='data = "digits", or the path of an .npz or of a folder of images',
                next_step=f"add data to the section or to models.{name}",
            )
        return self.data_source(data)

    def data_source(self, data: str) -> str:
        """A data set's name as it is, and a path relative to the configuration's folder."""
        path = self.resolve(data)
        return str(path) if path.exists() else data


def load_configuration(path: Path) -> LoadedConfiguration:
    """Read and check a configuration.

    Raises:
        UsageError: It is missing, no TOML, or has a wrong key or value; the message names file and key.
    """
    return parse_configuration(read_toml(path), path)


def parse_configuration(toml: dict[str, Any], path: Path) -> LoadedConfiguration:
    """Check a configuration that is already read.

    Args:
        toml: What the file says.
        path: The file, for paths relative to it and for messages.
    Raises:
        UsageError: It has a wrong key or value; the message names file and key.
    """
    section = "tool.edgekit" if path.name == PROJECT_FILE else ""
    loaded = configuration_of(tools(toml).get("edgekit", {}) if section else toml, path, section)
    if not loaded.settings.models:
        raise UsageError(f"{path} names no model.", expected="a section [tool.edgekit.models.NAME] for each")
    return loaded


def configuration_of(content: Any, path: Path, section: str) -> LoadedConfiguration:
    """Check what a configuration says.

    Args:
        content: Its keys.
        path: The file that paths are relative to.
        section: Where in the file the keys stand, for messages; empty for the whole file.
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
    """The class that checks a section of thresholds, which is made from the rules."""
    fields: dict[str, Any] = {each.name: (_ACCEPTED[each.kind], each.default) for each in thresholds}
    return create_model("Thresholds", __config__=ConfigDict(extra="forbid", frozen=True, strict=True), **fields)
