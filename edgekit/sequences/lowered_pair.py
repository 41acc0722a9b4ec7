"""The float models of an encoder and a decoder, and the programs that run them and their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import edgekit_runtime
from edgekit_converters.lowering import LoweredModel, LoweringProcess
from edgekit_converters.quantization.look_ups import rows_by_input
from edgekit_converters.quantization.samples import Sample, random_representative_dataset
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.model import Model
from edgekit_runtime.sequences.decoding import StepwiseDecoding
from edgekit_runtime.sequences.stepwise import Part, StepwiseModel


class SourceFailedError(ConversionError):
    """The source model cannot be run on this machine."""


@dataclass(frozen=True, slots=True)
class LoweredPair:
    """A lowered encoder and decoder.

    Attributes:
        encoder: The float encoder.
        decoder: The float decoder.
        encoder_model: The same encoder, loaded by the runtime.
        decoder_model: The same decoder, loaded by the runtime.
    """

    encoder: LoweredModel
    decoder: LoweredModel
    encoder_model: Model
    decoder_model: Model

    @classmethod
    def of(cls, encoder: LoweringProcess, decoder: LoweringProcess) -> LoweredPair:
        """Wait for both processes and load their models.

        Raises:
            EdgekitError: One of the sources cannot be lowered.
        """
        lowered = encoder.result(), decoder.result()
        return cls(*lowered, *(edgekit_runtime.load(each.model) for each in lowered))

    def float_model(self, decoding: StepwiseDecoding) -> StepwiseModel:
        """The float models, run by the runtime.

        Raises:
            ModelFileError: The names do not connect encoder and decoder.
        """
        return StepwiseModel(_float_part(self.encoder_model), _float_part(self.decoder_model), decoding)

    def source_model(
        self, encoder: LoweringProcess, decoder: LoweringProcess, decoding: StepwiseDecoding
    ) -> StepwiseModel:
        """The sources, run by their own framework in their processes; a run raises ``SourceFailedError``."""
        return StepwiseModel(
            _source_part(self.encoder_model, encoder), _source_part(self.decoder_model, decoder), decoding
        )

    def made_up_inputs(self, examples: int, seed: int) -> dict[str, np.ndarray]:
        """Random inputs (N, …) of the encoder by name; numbers of tokens are valid."""
        rows = rows_by_input(self.encoder.model.description)
        samples = list(random_representative_dataset(self.encoder.inputs, seed, samples=examples, rows=rows))
        return {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}


def _float_part(model: Model) -> Part:
    return Part(model.inputs, model.outputs, model.predict_named)


def _source_part(model: Model, process: LoweringProcess) -> Part:
    def run(inputs: Mapping[str, np.ndarray]) -> Sample:
        outputs = process.source_outputs(inputs)
        if outputs is None:
            raise SourceFailedError("The source model cannot be run on this machine.")
        return outputs

    return Part(model.inputs, model.outputs, run)
