"""No operator of a SavedModel reaches out of it: not by a signature, an initializer, nor by a function's name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.trackable.resource import TrackableResource

from edgekit_converters.lowering.saved_model import LoadedSavedModel
from edgekit_converters.saved_models.description import read_graph_file, read_meta_graphs
from edgekit_converters.saved_models.operators import COMPUTING, LEFT_OUT, SAVING
from edgekit_converters.saved_models.scan import require_no_unknown_operators
from edgekit_runtime.errors import ConversionError, UnsafeModelError

ops = tf.raw_ops


def records(marker: str) -> tf.Operation:
    dataset = tf.data.Dataset.from_tensors(tf.constant("import os"))._variant_tensor
    return ops.DatasetToTFRecord(input_dataset=dataset, filename=marker, compression_type="")


def consumed(dataset: tf.data.Dataset) -> tf.Tensor:
    return dataset.reduce(tf.constant(0, tf.int64), lambda total, _: total + 1)


def cache(marker: str) -> tf.Tensor:
    return consumed(tf.data.Dataset.range(3).cache(marker))


def sql(marker: str) -> tf.Tensor:
    return consumed(tf.data.experimental.SqlDataset("sqlite", marker, "create table t (x int)", (tf.int32,)))


def summary_database(marker: str) -> tf.Operation:
    writer = ops.SummaryWriter(shared_name="", container="")
    return ops.CreateSummaryDbWriter(writer=writer, db_uri=marker, experiment_name="e", run_name="r", user_name="u")


def summary_file(marker: str) -> tf.Operation:
    writer = ops.SummaryWriter(shared_name="", container="")
    return ops.CreateSummaryFileWriter(writer=writer, logdir=marker, max_queue=1, flush_millis=1, filename_suffix="")


def snapshot(marker: str) -> tf.Tensor:
    return consumed(tf.data.Dataset.range(3).snapshot(marker))


def saved_dataset(marker: str) -> tf.Operation:
    dataset = tf.data.Dataset.range(3)._variant_tensor
    identity = tf.function(lambda x: tf.constant(0, tf.int64)).get_concrete_function(tf.TensorSpec((), tf.int64))
    return ops.SaveDatasetV2(
        input_dataset=dataset, path=marker, shard_func_other_args=[], shard_func=identity,
        output_types=[tf.int64], output_shapes=[[]], compression="",
    )  # fmt: skip


def checkpoint(marker: str) -> tf.Operation:
    return ops.SaveV2(prefix=marker, tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(1.0)])


def written_file(marker: str) -> tf.Operation:
    return tf.io.write_file(marker, "written")


def printed_to_file(marker: str) -> tf.Operation:
    return ops.PrintV2(input="printed", output_stream=f"file://{marker}", end="")


def read_file(marker: str) -> tf.Tensor:
    return tf.io.read_file(marker)


def listed_files(marker: str) -> tf.Tensor:
    return ops.MatchingFiles(pattern=f"{marker}*")


def memory_region(marker: str) -> tf.Tensor:
    return ops.ImmutableConst(dtype=tf.float32, shape=[1], memory_region_name=marker)


def another_checkpoint(marker: str) -> list[tf.Tensor]:
    return ops.RestoreV2(prefix=marker, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32])


ATTACKS: dict[str, Callable[[str], Any]] = {
    "DatasetToTFRecord": records,
    "CacheDatasetV2": cache,
    "SqlDataset": sql,
    "CreateSummaryDbWriter": summary_database,
    "CreateSummaryFileWriter": summary_file,
    "SnapshotDatasetV2": snapshot,
    "SaveDatasetV2": saved_dataset,
    "SaveV2": checkpoint,
    "WriteFile": written_file,
    "ReadFile": read_file,
    "MatchingFiles": listed_files,
    "ImmutableConst": memory_region,
}
#: Not executed beside the path, as other operators of their kind are in ordinary files.
ONLY_IN_A_PATH = {"PrintV2": printed_to_file, "RestoreV2": another_checkpoint}


class Initialized(TrackableResource):
    """A resource whose initializer TensorFlow would run while it loads or lowers the model."""

    def __init__(self, attack: Callable[[str], Any], marker: str) -> None:
        super().__init__()
        self._attack, self._marker = attack, marker

    def _create_resource(self) -> tf.Tensor:
        return ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="resource")

    def _initialize(self) -> None:
        self._attack(self._marker)


class Serving(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def serve(self, x: tf.Tensor) -> tf.Tensor:
        return 2 * x


def by_initializer(attack: Callable[[str], Any], marker: str, folder: Path) -> None:
    module = Serving()
    module.resource = Initialized(attack, marker)
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def by_function_named_as_the_saver(attack: Callable[[str], Any], marker: str, folder: Path) -> None:
    def _traced_save() -> tf.Tensor:
        attack(marker)
        return tf.constant(2.0)

    module = tf.Module()
    inner = tf.function(_traced_save, autograph=False)
    serve = tf.function(lambda x: inner() * x, input_signature=[tf.TensorSpec([None, 2], tf.float32)], autograph=False)
    module.serve = serve
    tf.saved_model.save(module, str(folder), signatures=serve)


def by_unused_function(attack: Callable[[str], Any], marker: str, folder: Path) -> None:
    module = Serving()

    def _traced_save(x: tf.Tensor) -> tf.Tensor:
        attack(marker)
        return x

    module.unused = tf.function(_traced_save, input_signature=[tf.TensorSpec([], tf.float32)], autograph=False)
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "folder"
        for file in folder.rglob("*")
    }


@pytest.mark.parametrize("place", [by_initializer, by_function_named_as_the_saver, by_unused_function])
@pytest.mark.parametrize("operator", ATTACKS)
def test_an_operator_that_reaches_out_is_refused_wherever_it_is(
    operator: str, place: Callable[[Callable[[str], Any], str, Path], None], tmp_path: Path
) -> None:
    place(ATTACKS[operator], str(tmp_path / "marker"), tmp_path / "model")
    before = contents(tmp_path)
    with pytest.raises(UnsafeModelError, match=r"holds the operator .*, which is not one of those that only compute"):
        LoadedSavedModel(tmp_path / "model").lower()
    assert contents(tmp_path) == before
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("operator", ONLY_IN_A_PATH)
def test_what_ordinary_files_hold_beside_the_path_is_refused_in_it(operator: str, tmp_path: Path) -> None:
    by_function_named_as_the_saver(ONLY_IN_A_PATH[operator], str(tmp_path / "marker"), tmp_path / "model")
    before = contents(tmp_path)
    with pytest.raises(UnsafeModelError if operator == "RestoreV2" else Exception, match=operator):
        LoadedSavedModel(tmp_path / "model").lower()
    assert contents(tmp_path) == before


def test_a_saver_that_does_more_than_save_is_refused(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    module = Serving()
    module.weight = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    path = tmp_path / "model" / "saved_model.pb"
    saved_model = SavedModel.FromString(path.read_bytes())
    for function in saved_model.meta_graphs[0].graph_def.library.function:
        if "traced_restore" in function.signature.name:
            function.node_def.add(name="extra", op="WriteFile", input=["file_prefix", "file_prefix"])
    path.write_bytes(saved_model.SerializeToString())
    with pytest.raises(UnsafeModelError, match=r"WriteFile \(node extra in function __inference__traced_restore"):
        LoadedSavedModel(tmp_path / "model")


def test_a_function_with_the_name_of_an_operator_does_not_stand_for_it(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    module = Serving()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    path = tmp_path / "model" / "saved_model.pb"
    saved_model = SavedModel.FromString(path.read_bytes())
    graph = saved_model.meta_graphs[0].graph_def
    graph.library.function.add().signature.name = "WriteFile"
    graph.node.add(name="extra", op="WriteFile")
    path.write_bytes(saved_model.SerializeToString())
    with pytest.raises(UnsafeModelError, match="WriteFile"):
        LoadedSavedModel(tmp_path / "model")


def test_what_training_leaves_in_a_file_is_not_refused(tmp_path: Path) -> None:
    class Trained(Serving):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable([1.0, 2.0])
            vocabulary = tmp_path / "words.txt"
            vocabulary.write_text("a\nb\n")
            self.words = tf.lookup.StaticVocabularyTable(
                tf.lookup.TextFileInitializer(
                    str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                    tf.lookup.TextFileIndex.LINE_NUMBER,
                ), 1,
            )  # fmt: skip

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def train(self, texts: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                lengths = tf.cast(tf.strings.length(tf.strings.regex_replace(texts, "a", "b")), tf.float32)
                loss = tf.reduce_sum(tf.nn.softmax(self.weight)) * tf.reduce_sum(lengths)
            tf.print("loss", loss)
            gradient = tape.gradient(loss, self.weight)
            ops.ResourceApplyGradientDescent(var=self.weight.handle, alpha=0.1, delta=gradient)
            return loss + tf.cast(self.words.lookup(texts)[0], tf.float32)

    module = Trained()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    model, batch = LoadedSavedModel(tmp_path / "model").lower()
    assert (len(model) > 500, batch) == (True, "dynamic")


def edit_saved_model(folder: Path, edit: Callable[[Any], None]) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    module = Serving()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    path = folder / "saved_model.pb"
    saved_model = SavedModel.FromString(path.read_bytes())
    edit(saved_model.meta_graphs[0])
    path.write_bytes(saved_model.SerializeToString())


def test_a_decision_forest_is_refused_as_that(tmp_path: Path) -> None:
    def make_forest(graph: Any) -> None:
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                if node.op in ("Mul", "AddV2"):
                    node.op = "SimpleMLInferenceOpWithHandle"

    edit_saved_model(tmp_path / "model", make_forest)
    with pytest.raises(ConversionError, match="model is a decision forest") as refusal:
        LoadedSavedModel(tmp_path / "model").lower()
    assert "TensorFlow Decision Forests" in str(refusal.value)


def test_a_graph_for_training_only_is_refused_as_that(tmp_path: Path) -> None:
    def tag(graph: Any) -> None:
        graph.meta_info_def.tags[:] = ["train"]

    edit_saved_model(tmp_path / "model", tag)
    with pytest.raises(ConversionError, match="contains only a graph for training"):
        LoadedSavedModel(tmp_path / "model").lower()


def test_no_operator_is_on_two_lists() -> None:
    assert not COMPUTING & LEFT_OUT
    assert not SAVING & (COMPUTING | LEFT_OUT)


def test_the_lists_hold_no_operator_of_a_file_system_or_network() -> None:
    reaching = ("File", "Dataset", "Rpc", "Send", "Recv", "PyFunc", "Writer", "Reader", "Record", "Remote", "Proto")
    allowed_by_name = {"InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "ShardedFilename"}
    found = {name for name in COMPUTING | LEFT_OUT if any(word in name for word in reaching)}
    assert found - allowed_by_name - {"ShardedFilespec"} == set()


def test_functions_that_call_each_other_are_scanned_once(tmp_path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    module = Serving()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    saved_model = SavedModel.FromString(read_graph_file(tmp_path / "model"))
    library = saved_model.meta_graphs[0].graph_def.library
    for number in range(60):
        function = library.function.add()
        function.signature.name = f"__doubling_{number}"
        for twice in "ab":
            call = function.node_def.add(name=twice, op="PartitionedCall")
            call.attr["f"].func.name = f"__doubling_{(number + 1) % 60}"
    (graph,) = read_meta_graphs(saved_model.SerializeToString(), tmp_path / "model")
    require_no_unknown_operators(graph, tmp_path / "model")
