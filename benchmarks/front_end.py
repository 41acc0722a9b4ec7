"""Time the log-mel spectrogram of one second against librosa's, for which ``pip install librosa`` is needed.

``python benchmarks/front_end.py [--json]``
"""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
from ratios import report, time_in_turn

from edgekit_runtime.sound.front_end import FrontEnd, Spectrogram

RATE, RUNS = 16_000, 201
FRONT_END = FrontEnd(
    400, 160, 512, padding="constant", mel_bands=40, mel_scale="slaney", mel_norm="slaney",
    compression="db", floor=1e-10, top_db=80.0, layout="bands_time",
)  # fmt: skip


def main() -> None:
    """Print the ratio; none without librosa."""
    if not importlib.util.find_spec("librosa"):
        print("left out: librosa is not installed", file=sys.stderr)
        report([])
        return
    import librosa

    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    ours = Spectrogram(FRONT_END, RATE)

    def librosas() -> np.ndarray:
        mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=512, hop_length=160, win_length=400, n_mels=40)
        return librosa.power_to_db(mel)

    assert np.abs(ours(samples) - librosas()).max() < 1e-3
    what = "log-mel spectrogram of one second, 40 bands / librosa's"
    report([time_in_turn(what, lambda: (ours(samples), None)[1], lambda: (librosas(), None)[1], target=1.0, runs=RUNS)])


if __name__ == "__main__":
    main()
