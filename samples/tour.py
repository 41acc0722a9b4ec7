"""The whole way of a model, step by step, in a minute and without a network: ``python tour.py [FOLDER]``."""

import sys
from pathlib import Path

import edgekit_runtime
from edgekit.conversion import ConversionOptions, convert
from edgekit.datasets import load_dataset
from edgekit.parity.options import Thresholds
from edgekit.parity.validation import validate
from edgekit.training.fit import train
from edgekit.training.options import TrainingOptions
from edgekit.training.saving import save_training
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import Mode


def main(folder: Path) -> None:
    """Train, convert, validate, classify."""
    # 1. Train. "digits" are 1,797 scanned digits; a fifth is held back, and no step below learns from it. Any Keras
    #    file does as well: skip this step and name yours in the next one.
    digits = load_dataset("digits", seed=0)
    trained = train(digits, TrainingOptions(epochs=3, augment=False, seed=0), folder=folder, resume=False)
    save_training(trained, folder)
    print(
        f"1. Trained on {trained.train_count} digits: {trained.test_accuracy:.1%} of {trained.test_count} others right"
    )

    # 2. Convert. int8 needs data to calibrate on: it measures how large the numbers between the layers get.
    #    NONE is the same model in float32, to compare with.
    outputs = {mode: folder / f"model-{mode.value}.tflite" for mode in (Mode.NONE, Mode.INT8)}
    convert(LoweringRequest(folder / "model.h5"), outputs, ConversionOptions(data="digits"))
    sizes = {mode: path.stat().st_size for mode, path in outputs.items()}
    print(f"2. Converted: float32 {sizes[Mode.NONE]:,} bytes, int8 {sizes[Mode.INT8]:,} bytes")

    # 3. Validate. Ask the Keras model and the int8 one the same digits, those that were held back, and
    #    insist on what must hold: this raises an error where the drop is larger.
    result = validate(folder / "model.h5", outputs[Mode.INT8], "digits", thresholds=Thresholds(max_drop=0.01))
    result.require_passed()
    print(f"3. Validated: top-1 drops by {result.agreement.accuracy_drop:.2%}, answers are the same for", end=" ")
    print(f"{result.agreement.top1_agreement:.2%}")

    # 4. Classify. These three lines are all that a device needs, with nothing but edgekit-runtime installed. Labels
    #    and the treatment of pixels came along in the file.
    model = edgekit_runtime.load(outputs[Mode.INT8])
    answers = model.classify(digits.x_test[:10])
    print("4. Classified:", " ".join(answer.label for answer in answers), end="")
    print(" where the digits are", " ".join(str(number) for number in digits.y_test[:10]))

    # 5. Next: edgekit devices create pi-arm64, and edgekit devices check pi-arm64 model-int8.tflite --data digits
    #    show that an emulated Raspberry Pi answers the same.
    print(f"5. The files are in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tour"))
