"""Makes ``cnn_0.1.0.tflite``, packed and signed by edgekit 0.1.0, and its public key.

Run it once, with that version on the path: ``python make_packed.py``. Files of manifest schema 1 must load for ever.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from click.testing import CliRunner

from edgekit.cli import cli

HERE = Path(__file__).parent
PLAIN = HERE.parent / "tflite" / "cnn_int8_io_int8.tflite"
OUTPUT = HERE / "cnn_0.1.0.tflite"


def run(*arguments: object) -> None:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        labels, key = Path(name) / "labels.txt", Path(name) / "key.pem"
        labels.write_text("".join(f"digit {number}\n" for number in range(10)))
        run("pack", PLAIN, "--labels", labels, "--pixel-range", "-1,1", "--output", OUTPUT)
        run("keygen", key)
        run("sign", OUTPUT, "--key", key)
        OUTPUT.with_suffix(".pub.pem").write_bytes(key.with_suffix(".pub.pem").read_bytes())


if __name__ == "__main__":
    main()
