"""Name the language of each line of standard input, on the device.

    pip install edgekit-runtime
    echo "guten Morgen" | python name_language.py language-int8.tflite

No TensorFlow, no tokenizer to install: the vocabulary is in the file, and the golden examples are strings.
"""

import sys

import edgekit_runtime

model = edgekit_runtime.load(sys.argv[1], verify=True)
for line in sys.stdin.buffer:
    text = line.decode("utf-8", "replace").strip()
    if text:
        first, second = model.classify(text, top_k=2)[0].top
        print(f"{first.label} {first.score:.2f}  ({second.label} {second.score:.2f})  {text}", flush=True)
