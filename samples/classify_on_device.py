"""Name what pictures show: ``python classify_on_device.py [--public-key KEY] model.tflite picture.png …``."""

import argparse

import edgekit_runtime
from edgekit_runtime.printable_text import one_line

parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
parser.add_argument("model")
parser.add_argument("images", nargs="+")
parser.add_argument("--public-key", help="PEM file of the key that the model has to be signed with")
options = parser.parse_args()

model = edgekit_runtime.load(options.model, public_key=options.public_key)
for path, answer in zip(options.images, model.classify(options.images)):
    # A label is text from the model's author: a terminal would obey what is not printable in it.
    print(f"{one_line(path)}: {one_line(answer.label)} ({answer.score:.0%})")
