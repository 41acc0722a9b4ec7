"""The input of a model that takes recordings: a waveform, or the spectrogram that a front end makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, Union

import numpy as np

from edgekit_runtime.errors import EdgekitError, ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.sound.front_end import BANDS_FIRST, FrontEnd, Spectrogram
from edgekit_runtime.sound.resampling import require_sample_rate, resample, samples_before
from edgekit_runtime.sound.wav import read_wav_start, to_floats
from edgekit_runtime.task import SOUND

#: One recording: samples (samples,) or (samples, channels), the path of a WAV file, or its bytes.
Sound = Union[np.ndarray, str, "os.PathLike[str]", bytes]

#: A second axis up to this length is channels; a longer one is samples of several recordings.
_MOST_CHANNELS = 8
#: Bounds the work that a manifest can ask for: ten minutes at 48,000 Hz, and as many values of spectra.
_MOST_SAMPLES = 30_000_000
_MOST_SPECTRUM_VALUES = 100_000_000
_INT16 = 32_768


class Tensor(Protocol):
    """The part of a description of a model's input that is needed here."""

    @property
    def name(self) -> str:
        """Name of the input."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape with the batch axis; -1 for open sizes."""


class SoundSettings(NamedTuple):
    """How recordings become an input, as the user states it; the model's input says the rest.

    Attributes:
        sample_rate: Sample rate that the model was trained on, in Hz.
        samples: Length of the waveform; None is as long as the model's input needs it.
        front_end: How the waveform becomes a spectrogram; None passes the waveform itself.
    """

    sample_rate: int
    samples: int | None = None
    front_end: FrontEnd | None = None

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SoundSettings:
        """Read plain values, without trusting them: ``sample_rate``, ``samples``, and those of a front end.

        Raises:
            UsageError: A field is unknown or missing, or a value is invalid.
        """
        rate, samples = fields.get("sample_rate"), fields.get("samples")
        require_sample_rate(rate)
        assert isinstance(rate, int)
        if samples is not None and not (type(samples) is int and 1 <= samples <= _MOST_SAMPLES):
            raise UsageError(
                "This is not a length of recordings.",
                expected=f"a whole number of samples from 1 to {_MOST_SAMPLES:,}",
                received=f"{samples!r:.40}",
            )
        rest = {name: value for name, value in fields.items() if name not in ("sample_rate", "samples")}
        return cls(rate, samples, FrontEnd.from_dict(rest) if rest else None)


class SoundInput:
    """Converts recordings to one input of a model; a :class:`edgekit_runtime.inputs.raw_inputs.RawInput`.

    Attributes:
        sample_rate: Sample rate of the waveforms, in Hz.
        samples: Length of the waveforms. Longer recordings are cut at their end, and shorter ones filled with silence.
        front_end: How a waveform becomes a spectrogram; None passes the waveform itself.
    """

    def __init__(self, settings: SoundSettings, info: Tensor | None = None) -> None:
        """Combine what the user states with the model's input.

        Args:
            settings: What the user states.
            info: The model's input; None for training data, whose length ``settings`` must state.
        Raises:
            UsageError: The length is not known, or recordings do not become the input in this way.
        """
        self.sample_rate, _, self.front_end = settings
        self.samples = _length(settings, info)
        self._spectrogram = None
        shape: tuple[int, ...] = (self.samples,)
        if self.front_end is not None:
            self._spectrogram = Spectrogram(self.front_end, self.sample_rate)
            shape = (self.front_end.frames(self.samples), self.front_end.bands)
            if self.front_end.layout == BANDS_FIRST:
                shape = shape[::-1]
        self._sizes = shape if info is None else _fitted(shape, info)
        if self.front_end is not None and shape[0] * self.front_end.fft > _MOST_SPECTRUM_VALUES:
            raise UsageError("The front end would need too much memory.", received=f"{shape} values per recording")

    def prepare(self, examples: Any) -> np.ndarray:
        """Convert recordings to real values of the input; arrays have the model's sample rate.

        Args:
            examples: See :meth:`prepare_at`.
        Returns:
            float32 (N, ...).
        Raises:
            DataError: A file is missing or damaged, or a recording is empty, or not finite.
            TensorMismatchError: An example is not a recording.
        """
        return self.prepare_at(examples, self.sample_rate)

    def prepare_at(self, examples: Any, sample_rate: int | None) -> np.ndarray:
        """Convert recordings to real values of the input.

        Args:
            examples: One recording: the path of a WAV file, its bytes, or an array (samples,) or (samples, channels) of
                uint8, int16, int32 or floats from -1 to 1. Many: an array (N, samples) or (N, samples, channels), or an
                iterable of single recordings. A second axis of at most 8 is channels.
            sample_rate: Sample rate of the arrays, in Hz; files state their own.
        Returns:
            float32 (N, ...). Channels are averaged into one.
        Raises:
            DataError: A file is missing or damaged, or a recording is empty, or not finite.
            TensorMismatchError: An example is not a recording, or an array has no sample rate.
            UsageError: The sample rate is not one of a recording.
        """
        if sample_rate is not None:
            require_sample_rate(sample_rate)
        rows = [self._values(self._waveform(example, sample_rate)) for example in _examples(examples)]
        return np.stack(rows) if rows else np.empty((0, *self._sizes), np.float32)

    def waveform(self, sound: Sound) -> np.ndarray:
        """The samples of one recording, at the sample rate and of the length of the model: float32 (samples,)."""
        return self._waveform(sound, self.sample_rate)

    def window_samples(self, sample_rate: int) -> int:
        """Number of samples at ``sample_rate`` that last as long as the model's waveforms.

        Raises:
            UsageError: The sample rate is not one of a recording.
        """
        require_sample_rate(sample_rate)
        return -(-self.samples * sample_rate // self.sample_rate)

    def is_raw(self, values: np.ndarray) -> bool:
        """Whether an array contains waveforms (N, samples), as opposed to spectrograms."""
        return self.front_end is not None and values.shape[1:] == (self.samples,)

    def as_golden(self, values: np.ndarray) -> np.ndarray:
        """Convert waveforms (N, samples) to 16 bits, which are enough and take half the space: int16 (N, samples)."""
        if values.dtype == np.int16:
            return values
        scaled = np.rint(to_floats(values).astype(np.float64) * _INT16)
        return np.clip(scaled, -_INT16, _INT16 - 1).astype(np.int16)

    def golden_values(self, array: np.ndarray) -> np.ndarray:
        """Convert an input of golden examples, waveforms of 16 bits or prepared, to real values of the input."""
        return self.prepare(array) if array.dtype == np.int16 else array

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        front_end = {} if self.front_end is None else self.front_end.to_dict()
        return {"kind": SOUND, "sample_rate": self.sample_rate, "samples": self.samples, **front_end}

    def parts(self) -> dict[str, bytes]:
        """Nothing: all of it is in the manifest."""
        return {}

    def _waveform(self, sound: Any, rate: int | None) -> np.ndarray:
        if isinstance(sound, np.ndarray):
            if rate is None:
                raise TensorMismatchError(
                    "The sample rate of an array is not known.",
                    expected=f"sample_rate=, in Hz; the model was trained on {self.sample_rate:,} Hz",
                    received=f"an array of shape {sound.shape}",
                    next_step="pass sample_rate=, or the path of a WAV file, which states it",
                )
            samples = _checked(sound)[: samples_before(self.samples, rate, self.sample_rate)]
        else:
            # A long recording is not read beyond what the model takes.
            rate, samples = read_wav_start(sound, lambda rate: samples_before(self.samples, rate, self.sample_rate))
        waveform = resample(_mono(samples), rate, self.sample_rate)[: self.samples]
        return np.pad(waveform, (0, self.samples - len(waveform)))

    def _values(self, waveform: np.ndarray) -> np.ndarray:
        values = waveform if self._spectrogram is None else self._spectrogram(waveform)
        return values.reshape(self._sizes)


def read_raw_input(fields: Mapping[str, Any], read_part: Callable[[str], bytes], info: Tensor) -> SoundInput:
    """Read a packed sound input, without trusting it; see :mod:`edgekit_runtime.inputs.raw_inputs`.

    Raises:
        ModelFileError: The fields are damaged, or do not belong to the input.
    """
    try:
        return SoundInput(SoundSettings.from_dict({name: fields[name] for name in fields if name != "kind"}), info)
    except EdgekitError as error:
        raise ModelFileError(
            "The description of the sound input packed into the model is damaged.",
            expected=error.expected,
            received=f"{error.problem} {error.received}",
            next_step="convert the model again, or copy it to the device again",
        ) from error


def _length(settings: SoundSettings, info: Tensor | None) -> int:
    """Number of samples of the waveforms."""
    sizes = [] if info is None else [size for size in info.shape[1:] if size != 1]
    front_end = settings.front_end
    if settings.samples is not None:
        return settings.samples
    axis = 1 if front_end is not None and front_end.layout == BANDS_FIRST and len(sizes) > 1 else 0
    if not sizes or sizes[axis] < 1:
        raise UsageError(
            "The length of the recordings is not known.",
            expected="samples, the number of samples of a recording",
            received="no samples" if info is None else f"an input of shape {info.shape}",
            next_step="state samples beside sample_rate",
        )
    return sizes[axis] if front_end is None else front_end.shortest(sizes[axis])


def _fitted(shape: tuple[int, ...], info: Tensor) -> tuple[int, ...]:
    """The sizes of the input, whose open ones are those of ``shape``; axes of length 1 may stand anywhere."""
    sizes = info.shape[1:]
    wanted = [size for size in sizes if size != 1]
    own = [size for size in shape if size != 1]
    if len(wanted) != len(own) or any(size not in (-1, actual) for size, actual in zip(wanted, own)) or 0 in shape:
        raise UsageError(
            f"Recordings do not become the input {info.name} in this way.",
            expected=f"values of shape {sizes}",
            received=f"{' × '.join(map(str, shape))} values from a recording",
            next_step="state the front end that the model was trained with: its lengths, bands and layout",
        )
    remaining = iter(own)
    return tuple(1 if size == 1 else next(remaining) for size in sizes)


def _examples(examples: Any) -> Iterator[Any]:
    """The recordings one by one."""
    if isinstance(examples, np.ndarray):
        is_one = examples.ndim == 1 or (examples.ndim == 2 and examples.shape[1] <= _MOST_CHANNELS)
        if examples.ndim not in (1, 2, 3) or (examples.ndim == 3 and examples.shape[2] > _MOST_CHANNELS):
            raise _no_recording(f"an array of shape {examples.shape}")
        yield from [examples] if is_one else examples
    elif isinstance(examples, (str, os.PathLike, bytes, bytearray, memoryview)):
        yield examples
    elif isinstance(examples, Iterable):
        for example in examples:
            if not isinstance(example, (np.ndarray, str, os.PathLike, bytes, bytearray, memoryview)):
                raise _no_recording(f"a list with a {type(example).__name__}")
            yield example
    else:
        raise _no_recording(type(examples).__name__)


def _checked(samples: np.ndarray) -> np.ndarray:
    """Samples of one recording as float32 (samples, channels)."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= _MOST_CHANNELS):
        raise _no_recording(f"an array of shape {samples.shape}")
    if not len(samples):
        raise _no_recording("an array without samples")
    return to_floats(samples).reshape(len(samples), -1)


def as_mono(samples: Any) -> np.ndarray:
    """Convert an array of one recording, (samples,) or (samples, channels), to one channel: float32 (samples,).

    Raises:
        DataError: A value is not finite, or not one of a recording.
        TensorMismatchError: This is not an array of samples, or it is empty.
    """
    if not isinstance(samples, np.ndarray):
        raise _no_recording(type(samples).__name__)
    return _mono(_checked(samples))


def _mono(samples: np.ndarray) -> np.ndarray:
    """The average of all channels: (samples,)."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    # One channel after the other, so that no processor adds them in another order.
    total = samples[:, 0].astype(np.float64)
    for channel in range(1, samples.shape[1]):
        total += samples[:, channel]
    return (total / samples.shape[1]).astype(np.float32)


def _no_recording(received: str) -> TensorMismatchError:
    return TensorMismatchError(
        "This is not a recording.",
        expected="a path of a WAV file, its bytes, an array (samples,) or (samples, channels), or several of these",
        received=received,
        next_step="pass samples with sample_rate=, or a WAV file",
    )
