"""Say which digits are spoken: ``python listen.py [--public-key KEY] digits-int8.tflite [RECORDING.wav]``.

Without RECORDING: the microphone, through the package sounddevice if it is installed, else through ``arecord``.
Needs only ``pip install edgekit-runtime``.
"""

import argparse
import subprocess
import sys

import numpy as np

import edgekit_runtime
from edgekit_runtime.printable_text import one_line
from edgekit_runtime.sound.wav import read_wav_header, wav_blocks

RATE = 16_000
BLOCK = 1600


def blocks_of_sounddevice():
    """Arrays (1600, 1) of int16 from the default microphone. ImportError if sounddevice is not installed."""
    import sounddevice

    with sounddevice.InputStream(samplerate=RATE, channels=1, dtype="int16", blocksize=BLOCK) as microphone:
        while True:
            block, _ = microphone.read(BLOCK)
            yield block


def blocks_of_arecord():
    """Arrays (1600,) of int16 from ALSA's default microphone."""
    command = ["arecord", "--quiet", "--format", "S16_LE", "--rate", str(RATE), "--channels", "1", "--file-type", "raw"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as recorder:
        while len(block := recorder.stdout.read(2 * BLOCK)) == 2 * BLOCK:
            yield np.frombuffer(block, "<i2")
    raise SystemExit("arecord ended: is a microphone connected?")


def microphone():
    """Blocks of the microphone, by what is installed."""
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        return blocks_of_arecord()
    return blocks_of_sounddevice()


def main():
    """Print a line whenever a digit is heard."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("model")
    parser.add_argument("recording", nargs="?")
    parser.add_argument("--threshold", type=float, default=0.6, help="smallest score that is reported (default: 0.6)")
    parser.add_argument("--public-key", help="PEM file of the key that the model has to be signed with")
    options = parser.parse_args()
    model = edgekit_runtime.load(options.model, public_key=options.public_key)
    listening = edgekit_runtime.Listening(threshold=options.threshold)
    if options.recording:
        rate, blocks = read_wav_header(options.recording).sample_rate, wav_blocks(options.recording, BLOCK)
    else:
        rate, blocks = RATE, microphone()
    for heard in model.stream(blocks, sample_rate=rate, listening=listening):
        print(f"{heard.seconds:6.2f} s  {one_line(heard.label)} {heard.score:.0%}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except FileNotFoundError as error:
        sys.exit(f"{error}: apt install alsa-utils, or pip install sounddevice.")
