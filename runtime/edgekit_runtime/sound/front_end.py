"""Turns a waveform into the spectrogram that a model was trained on; training, calibration and device share this code.

All arithmetic consists of single operations that round equally everywhere, see ``exact_arithmetic``.
A recording is therefore converted to the same tensor, bit for bit, on a workstation and on a Pi.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from edgekit_runtime.errors import UsageError
from edgekit_runtime.sound.exact_arithmetic import cosines, divided, natural_logarithm, square_root
from edgekit_runtime.sound.fourier import LARGEST_FFT, PowerSpectrum, factors_of
from edgekit_runtime.sound.mel_filters import MEL_NORMS, MEL_SCALES, TENSORFLOW, MelFilters

#: The coefficients a and b of ``a - b cos``, periodic, as all of TensorFlow, Keras, librosa and torchaudio compute it.
WINDOWS: Mapping[str, tuple[float, float]] = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46), "ones": (1.0, 0.0)}
#: How many natural logarithms one unit of the result is worth.
_COMPRESSIONS = {"none": 0.0, "log": 1.0, "log10": 1 / math.log(10), "db": 10 / math.log(10)}
COMPRESSIONS = tuple(_COMPRESSIONS)
#: What surrounds the samples. Unless there is none, frames are centered on multiples of the hop length.
PADDINGS = ("none", "reflect", "constant")
TIME_FIRST, BANDS_FIRST = "time_bands", "bands_time"
LAYOUTS = (TIME_FIRST, BANDS_FIRST)
_MOST_BANDS = 1024
_LARGEST_NUMBER = 1e30


@dataclass(frozen=True)
class FrontEnd:
    """How a waveform becomes a spectrogram.

    Each frame is multiplied by a window and transformed. Its magnitudes, raised to ``power``, are summed by mel band,
    compressed, and normalized as ``(value - mean) / std``.

    Attributes:
        frame_length: Number of samples in a frame; librosa's ``win_length``, Keras's ``sequence_length``.
        hop_length: Number of samples from one frame to the next; TensorFlow's ``frame_step``, Keras's
            ``sequence_stride``.
        fft_length: Length of the transform, an even number; frames are padded with zeros to it. None is the smallest
            power of two that holds a frame.
        window: ``hann`` or ``hamming``, both periodic, or ``ones``.
        padding: ``none``: the first frame starts at the first sample (``tf.signal.stft``). ``reflect`` (Keras) or
            ``constant`` (librosa): frames are centered, and half a transform is added on either side, mirrored or as
            zeros.
        mel_bands: Number of mel bands; 0 keeps all bins of the spectrum.
        mel_scale: ``tensorflow`` (Keras too), ``htk`` (torchaudio, librosa with ``htk=True``) or ``slaney`` (librosa).
        mel_norm: ``none``, or ``slaney`` for filters of equal area, librosa's default.
        lower_hz: Lower edge of the first mel band.
        upper_hz: Upper edge of the last mel band; None is half the sample rate.
        power: 1 for magnitudes, 2 for powers.
        compression: ``none``, ``log`` (natural), ``log10``, or ``db``, which is 10 · log10.
        floor: Smallest value before the compression; smaller ones are raised to it.
        offset: Added to each value before the compression.
        reference: Value that the compression maps to 0.
        top_db: Smallest distance below the recording's largest value that is kept, in the compression's unit; smaller
            values are raised to it. None keeps all.
        mean: Subtracted from the compressed values: one number, or one per band.
        std: Divisor of the result: one number, or one per band.
        layout: ``time_bands``, or ``bands_time``, as Keras's MelSpectrogram and librosa return it.
    """

    frame_length: int
    hop_length: int
    fft_length: int | None = None
    window: str = "hann"
    padding: str = "none"
    mel_bands: int = 0
    mel_scale: str = TENSORFLOW
    mel_norm: str = "none"
    lower_hz: float = 0.0
    upper_hz: float | None = None
    power: int = 2
    compression: str = "none"
    floor: float = 0.0
    offset: float = 0.0
    reference: float = 1.0
    top_db: float | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: str = TIME_FIRST

    def __post_init__(self) -> None:
        for name, expected, is_valid in _RULES:
            value = getattr(self, name)
            if not is_valid(value):
                raise _invalid(name, expected, value)
        if self.fft_length is None:
            object.__setattr__(self, "fft_length", _power_of_two(self.frame_length))
        if self.fft < self.frame_length or not factors_of(self.fft):
            raise _invalid(
                "fft_length",
                f"an even number from the frame length, {self.frame_length}, to {LARGEST_FFT}, such as"
                f" {_power_of_two(self.frame_length)}, without prime factors above 13",
                self.fft,
            )
        if self.compression != "none" and not self.floor + self.offset > 0:
            raise _invalid("floor", "above 0, or an offset above 0: silence has no logarithm", self.floor)
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.bands):
                raise _invalid(name, f"one number, or {self.bands}, one per band", len(getattr(self, name)))

    @property
    def fft(self) -> int:
        """Length of the transform."""
        assert self.fft_length is not None, "set by __post_init__"
        return self.fft_length

    @property
    def bands(self) -> int:
        """Number of values per frame: mel bands, or bins of the spectrum."""
        return self.mel_bands or self.fft // 2 + 1

    def frames(self, samples: int) -> int:
        """Number of frames in a waveform of ``samples`` samples; 0 if it is shorter than one frame."""
        padded, length = (samples, self.frame_length) if self.padding == "none" else (samples + self.fft, self.fft)
        return 1 + (padded - length) // self.hop_length if padded >= length else 0

    def shortest(self, frames: int) -> int:
        """The smallest number of samples that gives ``frames`` frames."""
        return max(1, (frames - 1) * self.hop_length + (self.frame_length if self.padding == "none" else 0))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in the manifest; fields with their default value are left out."""
        stored = asdict(self)
        return {
            field.name: list(value) if isinstance(value := stored[field.name], tuple) else value
            for field in fields(self)
            if stored[field.name] != field.default
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FrontEnd:
        """Read the result of :meth:`to_dict` from JSON, without trusting it.

        Raises:
            UsageError: A field is unknown or missing, or a value is invalid.
        """
        names = [field.name for field in fields(cls)]
        unknown = [str(name) for name in values if name not in names]
        missing = [name for name in names[:2] if name not in values]
        if unknown or missing:
            raise UsageError(
                "These are not the fields of a front end.",
                expected=", ".join(names),
                received=f"unknown: {', '.join(unknown)}" if unknown else f"no {' and no '.join(missing)}",
            )
        return cls(**{name: _as_numbers(name, value) for name, value in values.items()})


class Spectrogram:
    """Computes the spectrograms of a front end; tables are computed once.

    Args:
        front_end: The front end.
        sample_rate: Sample rate of the waveforms, in Hz.
    Raises:
        UsageError: A mel band lies above half the sample rate.
    """

    def __init__(self, front_end: FrontEnd, sample_rate: int) -> None:
        self.front_end = front_end
        upper_hz = front_end.upper_hz or sample_rate / 2
        if front_end.mel_bands and not front_end.lower_hz < upper_hz <= sample_rate / 2:
            raise _invalid(
                "upper_hz",
                f"above {front_end.lower_hz:g} and up to {sample_rate / 2:g}, half the sample rate",
                upper_hz,
            )
        self._spectrum = PowerSpectrum(front_end.fft)
        self._filters = front_end.mel_bands and MelFilters(
            bands=front_end.mel_bands,
            bins=front_end.fft // 2 + 1,
            sample_rate=sample_rate,
            lower_hz=front_end.lower_hz,
            upper_hz=upper_hz,
            scale=front_end.mel_scale,
            norm=front_end.mel_norm,
        )

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Compute the spectrogram of one waveform.

        Args:
            samples: Finite floats, (samples,), long enough for a frame.
        Returns:
            float32 (frames, bands) or (bands, frames), depending on the layout.
        """
        front_end = self.front_end
        signal = self._padded(samples)
        frames = front_end.frames(len(samples))
        blocks = []
        for start in range(0, frames, self._spectrum.block):
            stop = min(start + self._spectrum.block, frames)
            part = signal[start * front_end.hop_length : (stop - 1) * front_end.hop_length + front_end.fft]
            blocks.append(self._power(part))
        spectrum = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
        if front_end.power == 1:
            spectrum = square_root(spectrum)
        values = self._filters(spectrum) if self._filters else spectrum
        values = self._normalized(self._compressed(values))
        return values if front_end.layout == BANDS_FIRST else np.ascontiguousarray(values.T)

    def _padded(self, samples: np.ndarray) -> np.ndarray:
        front_end = self.front_end
        signal = np.asarray(samples, np.float32)
        if front_end.padding == "none":
            before, after = 0, front_end.fft - front_end.frame_length
        else:
            before = after = front_end.fft // 2
        if front_end.padding == "reflect":
            return np.pad(signal, before, mode="reflect")
        padded = np.zeros(before + len(signal) + after, np.float32)
        padded[before : before + len(signal)] = signal
        return padded

    def _power(self, signal: np.ndarray) -> np.ndarray:
        """Power spectra of the frames in a part of the signal: (bins, frames)."""
        fft = self.front_end.fft
        frames = np.lib.stride_tricks.sliding_window_view(signal, fft)[:: self.front_end.hop_length].T
        # Copied first: a product of the view would be in the view's order, frame by frame.
        windowed = np.array(frames, order="C")
        windowed *= self._window
        return self._spectrum(windowed.reshape(fft // 2, 2, -1))

    @cached_property
    def _window(self) -> np.ndarray:
        """The window, padded with zeros to the transform's length: float32 (fft_length, 1)."""
        front_end = self.front_end
        a, b = WINDOWS[front_end.window]
        rest = front_end.fft - front_end.frame_length
        before = 0 if front_end.padding == "none" else rest // 2
        window = (a - b * cosines(front_end.frame_length)).astype(np.float32)
        return np.pad(window, (before, rest - before))[:, np.newaxis]

    def _compressed(self, values: np.ndarray) -> np.ndarray:
        front_end = self.front_end
        unit = _COMPRESSIONS[front_end.compression]
        if unit:
            values = np.maximum(values, front_end.floor)
            values += front_end.offset
            values = natural_logarithm(values)
            if front_end.reference != 1:
                values -= natural_logarithm(np.full(1, front_end.reference, np.float32))
            values *= unit
        if front_end.top_db is not None:
            values = np.maximum(values, values.max() - front_end.top_db)
        return values

    def _normalized(self, values: np.ndarray) -> np.ndarray:
        front_end = self.front_end
        if front_end.mean == (0.0,) and front_end.std == (1.0,):
            return values
        mean, std = (np.array(numbers, np.float32)[:, np.newaxis] for numbers in (front_end.mean, front_end.std))
        return divided(values - mean, std)


def _power_of_two(length: int) -> int:
    return max(4, 1 << (length - 1).bit_length())


def _as_numbers(name: str, value: Any) -> Any:
    """Statistics of bands as a tuple; JSON has them as a list, or as a single number."""
    if name in ("mean", "std"):
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return value


def _is_whole(low: int, high: int) -> Any:
    return lambda value: type(value) is int and low <= value <= high


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER


def _is_one_of(names: tuple[str, ...]) -> Any:
    return lambda value: isinstance(value, str) and value in names


def _are_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and 0 < len(value) <= LARGEST_FFT and all(_is_number(each) for each in value)


#: Name, description and check of each field that has a range of its own.
_RULES = (
    ("frame_length", f"a whole number from 2 to {LARGEST_FFT}", _is_whole(2, LARGEST_FFT)),
    ("hop_length", f"a whole number from 1 to {LARGEST_FFT}", _is_whole(1, LARGEST_FFT)),
    ("fft_length", "a whole number", lambda value: value is None or type(value) is int),
    ("window", " or ".join(WINDOWS), _is_one_of(tuple(WINDOWS))),
    ("padding", " or ".join(PADDINGS), _is_one_of(PADDINGS)),
    ("mel_bands", f"a whole number from 0 to {_MOST_BANDS}", _is_whole(0, _MOST_BANDS)),
    ("mel_scale", " or ".join(MEL_SCALES), _is_one_of(MEL_SCALES)),
    ("mel_norm", " or ".join(MEL_NORMS), _is_one_of(MEL_NORMS)),
    ("lower_hz", "a number from 0", lambda value: _is_number(value) and value >= 0),
    ("upper_hz", "a number above 0", lambda value: value is None or (_is_number(value) and value > 0)),
    ("power", "1 or 2", _is_whole(1, 2)),
    ("compression", " or ".join(COMPRESSIONS), _is_one_of(COMPRESSIONS)),
    ("floor", "a number from 0", lambda value: _is_number(value) and value >= 0),
    ("offset", "a number from 0", lambda value: _is_number(value) and value >= 0),
    ("reference", "a number above 0", lambda value: _is_number(value) and value > 0),
    ("top_db", "a number from 0", lambda value: value is None or (_is_number(value) and value >= 0)),
    ("mean", "numbers", _are_numbers),
    ("std", "numbers above 0", lambda value: _are_numbers(value) and min(value) > 0),
    ("layout", " or ".join(LAYOUTS), _is_one_of(LAYOUTS)),
)


def _invalid(name: str, expected: str, received: Any) -> UsageError:
    return UsageError(
        f"The front end's {name} is not possible.", expected=expected, received=f"{received!r:.60}", next_step=""
    )
