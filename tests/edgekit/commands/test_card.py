"""``edgekit card``: what the card says, in what format, and what text of a file may do to it."""

from __future__ import annotations

import html.parser
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt

from edgekit.cli import cli
from edgekit.model_card import read_scores
from edgekit.reports.cards.markdown import escape, quote_yaml
from edgekit_converters.packaging.artifact import append_parts, pack
from edgekit_runtime.packed_file.manifest import LABELS_NAME, Manifest, Parts, read_manifest
from edgekit_runtime.task import FILE, Claim
from edgekit_runtime.tflite.tflite_model import TfliteModel

DATA = Path(__file__).resolve().parents[2] / "data"
PLAIN = DATA / "tflite" / "cnn_int8_io_int8.tflite"
SIGNED = DATA / "packed" / "cnn_0.1.0.tflite"
#: What breaks out of Markdown, HTML or YAML where it is not escaped.
HOSTILE = (
    "---",
    "a | b",
    "<script>alert(1)</script>",
    "**bold** _it_ `code`",
    "[x](http://evil.example)",
    "![x](http://evil.example/i.png)",
    "https://evil.example www.evil.example a@evil.example",
    "&lt; &amp; \\| \\",
    "# heading",
    "'\": {yaml: [1]} #no",
    "\x1b[31mred\u202egnp",
    "{{ 7 * 7 }} {% raw %}",
    "$x^2$ ~~gone~~",
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def packed(folder: Path, *, name: str = "model.tflite", **facts: object) -> Path:
    path = folder / name
    path.write_bytes(pack(TfliteModel(PLAIN.read_bytes()), Manifest(**facts)))
    return path


def cells(markdown: str) -> list[str]:
    """The text of each cell of each table, as a Markdown renderer shows it; fails if a cell holds more than text."""
    found = []
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    for before, token in itertools.pairwise(tokens):
        if before.type in ("td_open", "th_open"):
            assert {child.type for child in token.children} <= {"text", "text_special"}, token.content
            found.append("".join(child.content for child in token.children))
    return found


class Page(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_card_says_what_the_conversion_packed(variants_folder: Path) -> None:
    result = run("card", variants_folder / "model-int8.tflite", "--license", "apache-2.0")
    assert result.exit_code == 0, result.output
    shown = cells(result.stdout)
    facts = dict(itertools.pairwise(shown))
    assert facts["task"] == "image classification"
    assert facts["quantization"] == "int8"
    assert facts["calibrated on"] == "256 examples"
    assert facts["license"] == "apache-2.0"
    assert facts["signature"] == "not signed"
    assert "litert" in facts["runs on, by its operators"]
    assert facts["inputs from"] == "digits"
    card = json.loads(run("card", variants_folder / "model-int8.tflite", "--json").stdout)
    (score,) = card["scores"]
    assert facts["top-1"] == "360"
    assert f"{100 * score['before']:.2f} % ({100 * score['before_interval'][0]:.2f} %" in result.stdout
    low, high = score["drop_interval"]
    assert low <= score["before"] - score["after"] <= high
    assert "- a signature" in result.stdout
    assert "latency" not in "".join(shown)


def test_what_is_not_known_is_listed_and_not_made_up(tmp_path: Path) -> None:
    result = run("card", PLAIN, "--json")
    assert result.exit_code == 0, result.output
    card = json.loads(result.stdout)
    assert card["unknown"] == [
        "the source model",
        "how it was quantized",
        "accuracy before and after the conversion",
        "latency and memory",
        "golden examples",
        "a signature",
        "the license",
    ]
    markdown = run("card", PLAIN).stdout
    assert not {"quantization", "made by", "license", "source, SHA-256"} & set(cells(markdown))
    assert markdown.count("\n- ") == len(card["unknown"])
    assert "license" not in run("card", PLAIN, "--format", "huggingface").stdout.partition("\n---\n")[0]


def test_times_are_measured_only_when_asked_for(tmp_path: Path) -> None:
    result = run("card", PLAIN, "--bench", "--runs", 20, "--json")
    assert result.exit_code == 0, result.output
    (timing,) = json.loads(result.stdout)["timings"]
    assert timing["runs"] == 20
    assert 0 < timing["p50_ms"] <= timing["p90_ms"] <= timing["p99_ms"]
    assert timing["peak_memory_mb"] > 5
    assert timing["device"] not in ("", "this machine")


def test_an_emulated_pi_is_no_place_to_measure() -> None:
    result = run("card", PLAIN, "--device", "pi-arm64")
    assert result.exit_code == 2
    assert "emulated" in result.stderr


def test_a_signature_that_holds_is_named_and_one_that_does_not_ends_the_card(tmp_path: Path) -> None:
    result = run("card", SIGNED)
    assert result.exit_code == 0, result.output
    assert "Ed25519, valid for the public key" in result.stdout
    content = SIGNED.read_bytes()
    parts = Parts(content)
    others = {name: parts.read(name) for name in parts.names} | {LABELS_NAME: b"other\n" * 10}
    (tmp_path / "foreign.tflite").write_bytes(append_parts(content[: parts.start], others))
    refused = run("card", tmp_path / "foreign.tflite")
    assert refused.exit_code == 1
    assert "is invalid" in refused.stderr


@pytest.mark.parametrize(
    ("name", "message"), [("missing.tflite", "does not exist"), ("text.tflite", "is not a .tflite")]
)
def test_what_is_not_a_tflite_is_an_error(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("a text that is long enough")
    result = run("card", tmp_path / name, "--output", tmp_path / "card.md")
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "card.md").exists()


def test_the_suffix_of_the_output_chooses_the_format(tmp_path: Path) -> None:
    for name, start in (("card.html", "<!doctype html>"), ("README.md", "# cnn")):
        result = run("card", PLAIN, "--output", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert name in result.stdout
        assert (tmp_path / name).read_text().startswith(start)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_hostile_text_as_it_is(text: str) -> None:
    (first, second, shown, last) = cells(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |")
    assert (first, second, last) == ("a", "b", "end")
    printable = text.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert shown == printable.strip()


def test_hostile_labels_and_names_stay_text_in_every_format(tmp_path: Path) -> None:
    mode = "int8\n---\nlicense: stolen"
    model = packed(
        tmp_path,
        name="a<img src=x>|b.tflite",
        labels=tuple(HOSTILE[:10]),
        task=Claim(FILE, outputs={"probabilities": "classes"}),
        provenance={
            "quantize": mode,
            "edgekit": "1\n\n# <b>",
            "scores": {"<b>|": {"metric": "top1", "examples": 5, "float": 0.8, "converted": 0.6, "against": "|<i>"}},
            "repairs": ["<u>", "a|b\n---"],
            "golden": {"examples": 3, "inputs": "<script>|"},
        },
    )
    markdown = run("card", model).stdout
    shown = cells(markdown)
    assert ", ".join(HOSTILE[:10]) in shown
    assert "int8\\n---\\nlicense: stolen" in shown
    assert "<u>, a|b\\n---" in shown
    assert "<b>|" in shown
    assert "80.00 % (37.55 % to 96.38 %)" in shown
    page = Page(run("card", model, "--format", "html").stdout)
    assert not {"script", "img", "b", "i", "u"} & set(page.tags)
    assert ", ".join(HOSTILE[:10]) in page.texts
    yaml = pytest.importorskip("yaml")
    text = run("card", model, "--format", "huggingface", "--license", "My: 'own'\n---\n# license").stdout
    front, _, body = text.removeprefix("---\n").partition("\n---\n")
    assert yaml.safe_load(front) == {
        "license": "other",
        "license_name": "My: 'own'\n---\n# license",
        "library_name": "tflite",
        "pipeline_tag": "image-classification",
        "tags": ["tflite", "edgekit", mode],
    }
    assert "\n---\n" not in body


@pytest.mark.parametrize("text", [*HOSTILE, "yes", "null", "1.0", "a\nb", "\U0001f600", "\x85\u2028\ufeff", "", "mit"])
def test_yaml_gives_the_text_back(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(f"key: {quote_yaml(text)}") == {"key": text}


@pytest.mark.parametrize(
    "scores",
    [
        None,
        [],
        {"a": 1},
        {"a": {"metric": "top1", "examples": 0, "float": 1, "converted": 1}},
        {"a": {"metric": "top1", "examples": True, "float": 1, "converted": 1}},
        {"a": {"metric": 3, "examples": 5, "float": 1, "converted": 1}},
        {"a": {"metric": "top1", "examples": 5, "float": float("nan"), "converted": 1}},
        {"a": {"metric": "top1", "examples": 5, "float": 10**400, "converted": 1}},
    ],
)
def test_scores_that_no_conversion_writes_are_left_out(scores: object) -> None:
    assert read_scores({"scores": scores}) == ()


def test_an_impossible_share_has_no_interval() -> None:
    facts = {"metric": "top1", "examples": 5, "float": 3.5, "converted": 0.6, "drop_interval": ["x", 1]}
    (score,) = read_scores({"scores": {"a": facts}})
    assert score.before_interval is None
    assert score.drop_interval is None
    # Wilson's interval of 3 of 5, worked by hand: (0.6 + 0.38415 ± 0.45757) / 1.76829.
    assert score.after_interval == pytest.approx((0.2307, 0.8824), abs=1e-4)


def test_the_interval_of_the_drop_is_packed_by_the_conversion(variants_folder: Path) -> None:
    content = (variants_folder / "model-int8.tflite").read_bytes()
    low, high = read_manifest(content).provenance["scores"]["scores"]["drop_interval"]
    assert -1 <= low <= high <= 1
    assert np.isfinite([low, high]).all()
