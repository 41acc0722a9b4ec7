"""What the tokenizers of Hugging Face make of texts: ``pieces.json``. Needs ``pip install tokenizers``.

    python tests/data/text/make_pieces.py > tests/data/text/pieces.json

The capital sigma is left out: BERT's own code lowers it as Python does, to ς at the end of a word, the package to σ.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tokenizers.implementations import BertWordPieceTokenizer

sys.path.insert(0, str(Path(__file__).parent))
import multiscript

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def main() -> None:
    """Print vocabularies, texts, and the indices of their pieces, cased and uncased."""
    # Special tokens inside of a text are special for the package, as they are not for BERT's own code.
    texts = [text for text in multiscript.texts(2000) if not {"Σ", "["} & set(text)][::5]
    result: dict[str, object] = {"texts": texts}
    for name, lowercase in (("uncased", True), ("cased", False)):
        with tempfile.TemporaryDirectory() as folder:
            learner = BertWordPieceTokenizer(lowercase=lowercase, strip_accents=lowercase)
            learner.train_from_iterator(list(multiscript.texts(2000)), vocab_size=900, limit_alphabet=500)
            path = learner.save_model(folder)[0]
            vocabulary = SPECIAL + [line for line in Path(path).read_text().split("\n") if line and line not in SPECIAL]
            Path(path).write_text("\n".join(vocabulary))
            tokenizer = BertWordPieceTokenizer(path, lowercase=lowercase, strip_accents=lowercase)
        result[name] = {"vocabulary": vocabulary, "indices": [tokenizer.encode(text).ids for text in texts]}
    json.dump(result, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
