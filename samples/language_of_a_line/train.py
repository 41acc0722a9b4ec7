"""Train a model that names the language of a line, with TextVectorization inside, and convert it to int8.

    pip install edgekit babel
    python train.py [FOLDER]

The layer is not in the .tflite: edgekit moves it out, and its vocabulary into the manifest. language-int8.tflite takes
strings, on a device that has neither TensorFlow nor Keras.
"""

import csv
import sys
from pathlib import Path

from lines import CODES, LANGUAGES, lines

import edgekit
import edgekit_runtime


def build(texts):
    """A small classifier of the letters of a line, and of its pairs and triples of letters."""
    import keras

    letters = keras.layers.TextVectorization(
        standardize="lower", split="character", ngrams=3, max_tokens=3000, output_mode="multi_hot", name="letters"
    )
    letters.adapt(texts)
    return keras.Sequential(
        [
            keras.Input((1,), dtype="string", name="line"),
            letters,
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(len(LANGUAGES), activation="softmax", name="language"),
        ]
    )


def write_csv(path, texts, languages):
    """Write a table with the columns text and label, which edgekit takes as data."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, languages, strict=True)])


def main(folder):
    """Train, convert, compare, and let the device's runtime answer."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    # Every third country is named in lines of the test only.
    known, unseen = [code for code in CODES if CODES.index(code) % 3], CODES[::3]
    texts, languages = lines(4000, seed=1, countries=known)
    model = build(texts)
    model.compile("adam", "sparse_categorical_crossentropy")
    data = tf.data.Dataset.from_tensor_slices((texts, [LANGUAGES.index(each) for each in languages]))
    model.fit(data.batch(32), epochs=4, verbose=0)
    model.save(folder / "language.keras")

    write_csv(folder / "train.csv", texts, languages)
    test_texts, test_languages = lines(1000, seed=2, countries=unseen)
    write_csv(folder / "test.csv", test_texts, test_languages)
    (folder / "languages.txt").write_text("\n".join(LANGUAGES) + "\n", encoding="utf-8")
    edgekit.convert(
        folder / "language.keras",
        folder,
        quantize="all",
        data=str(folder / "train.csv"),
        labels=folder / "languages.txt",
    )
    # Keras reads the strings with its own layer, the .tflite with the device's code.
    compared = edgekit.validate(
        folder / "language.keras", folder / "language-int8.tflite", str(folder / "test.csv"), everything=True
    )
    print(f"Keras: right on {100 * compared.agreement.reference_top1:.1f} %")
    for name in ("language-none.tflite", "language-int8.tflite"):
        device = edgekit_runtime.load(folder / name, verify=True)
        answers = [found.label for found in device.classify(test_texts)]
        right = sum(map(str.__eq__, answers, test_languages))
        print(f"{name} on the device's path: right on {100 * right / len(answers):.1f} %")
    for line in ("Guten Morgen", "доброе утро", "good morning", "καλημέρα"):
        print(f"{device.classify(line)[0].label}  {line}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
