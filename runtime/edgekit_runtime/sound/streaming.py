"""Classifies a live source of sound in overlapping windows, and reports each sound once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from edgekit_runtime.errors import UsageError
from edgekit_runtime.sound.sound_input import SoundInput, as_mono


class HeardSound(NamedTuple):
    """A sound that was recognized in a stream.

    Attributes:
        seconds: End of the window in which it was recognized, from the start of the stream.
        label: Label of the class.
        score: Mean score over the smoothed windows.
        index: Number of the class, starting at 0.
    """

    seconds: float
    label: str
    score: float
    index: int  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return self._asdict()


class Listening(NamedTuple):
    """How a stream is cut into windows, and when a sound is reported.

    Attributes:
        hop_seconds: Time from the start of one window to that of the next.
        smoothing_seconds: Scores are averaged over the windows that start within this time.
        threshold: Smallest mean score that is reported.
        refractory_seconds: After a sound is reported, nothing is reported for this time, because the windows that
            follow contain it, too.
        ignored_labels: Labels that are never reported, such as that of silence.
    """

    hop_seconds: float = 0.25
    smoothing_seconds: float = 0.5
    threshold: float = 0.7
    refractory_seconds: float = 1.0
    ignored_labels: Sequence[str] = ()

    def require_valid(self, labels: Sequence[str]) -> None:
        """Raise an error if a value is impossible.

        Raises:
            UsageError: A time is negative, the threshold is not a score, or a label does not exist.
        """
        times = (self.hop_seconds, self.smoothing_seconds, self.refractory_seconds)
        unknown = [label for label in self.ignored_labels if label not in labels]
        if not (self.hop_seconds > 0 and all(0 <= each < np.inf for each in times) and 0 <= self.threshold <= 1):
            raise UsageError(
                "The options of the stream are not possible.",
                expected="hop_seconds above 0, other times from 0, and a threshold from 0 to 1",
                received=f"hop {times[0]:g}, smoothing {times[1]:g}, refractory {times[2]:g}, "
                f"threshold {self.threshold:g}",
            )
        if unknown:
            raise UsageError(
                "ignored_labels contains a label that the model does not have.",
                expected=", ".join(labels),
                received=", ".join(map(str, unknown)),
            )


def hear(
    blocks: Iterable[np.ndarray],
    scores_of: Callable[[np.ndarray], np.ndarray],
    sound: SoundInput,
    labels: Sequence[str],
    *,
    sample_rate: int,
    listening: Listening,
) -> Iterator[HeardSound]:
    """Classify overlapping windows of a stream.

    Args:
        blocks: Samples as they arrive, in blocks of any length: (samples,) or (samples, channels), uint8, int16, int32
            or floats from -1 to 1.
        scores_of: Returns the scores (classes,) of a window at the stream's sample rate, float32 (samples,).
        sound: Sound input of the model.
        labels: Labels of the classes.
        sample_rate: Sample rate of the stream, in Hz.
        listening: How the stream is cut, and what is reported.
    Yields:
        Each recognized sound, as soon as its window is complete.
    Raises:
        DataError: A block is not finite, or its samples are not those of a recording.
        TensorMismatchError: A block is not an array of samples.
    """
    hop = max(1, round(listening.hop_seconds * sample_rate))
    recent: deque[np.ndarray] = deque(maxlen=max(1, round(listening.smoothing_seconds / listening.hop_seconds)))
    silent_until = 0.0
    for end, window in _windows(blocks, sound.window_samples(sample_rate), hop):
        recent.append(scores_of(window))
        mean = np.mean(recent, axis=0)
        best, seconds = int(mean.argmax()), end / sample_rate
        label, score = labels[best], float(mean[best])
        if score >= listening.threshold and seconds >= silent_until and label not in listening.ignored_labels:
            silent_until = seconds + listening.refractory_seconds
            yield HeardSound(seconds, label, score, best)


def _windows(blocks: Iterable[np.ndarray], length: int, hop: int) -> Iterator[tuple[int, np.ndarray]]:
    """The end of each window, as a number of samples from the start, and its samples.

    A stream that ends before its first window is complete has one window, which is shorter.
    """
    waiting = np.empty(0, np.float32)
    # A hop that is longer than a window skips samples.
    end, to_skip = length, 0
    for block in blocks:
        waiting = np.concatenate([waiting, as_mono(block)])
        while len(waiting) >= to_skip + length:
            waiting = waiting[to_skip:]
            yield end, waiting[:length]
            end, to_skip = end + hop, hop
        dropped = min(to_skip, len(waiting))
        waiting, to_skip = waiting[dropped:].copy(), to_skip - dropped
    if end == length and len(waiting):
        yield len(waiting), waiting
