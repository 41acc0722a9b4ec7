"""What native code assumes about each operator: its options, the number of inputs, which inputs are optional."""

from __future__ import annotations

from edgekit_runtime.tflite import schema
from edgekit_runtime.tflite.schema import BUILTIN_OPERATORS, BuiltinOptions, BuiltinOptions2, TensorType

#: Code of all operators outside the builtin set, which are identified by a name instead.
CUSTOM = BUILTIN_OPERATORS.index("CUSTOM")

#: Name and bits per element of each tensor type. Strings, resources and variants have no fixed size: 0 bits.
TENSOR_TYPES = {
    TensorType.FLOAT32: ("float32", 32),
    TensorType.FLOAT16: ("float16", 16),
    TensorType.INT32: ("int32", 32),
    TensorType.UINT8: ("uint8", 8),
    TensorType.INT64: ("int64", 64),
    TensorType.STRING: ("string", 0),
    TensorType.BOOL: ("bool", 8),
    TensorType.INT16: ("int16", 16),
    TensorType.COMPLEX64: ("complex64", 64),
    TensorType.INT8: ("int8", 8),
    TensorType.FLOAT64: ("float64", 64),
    TensorType.COMPLEX128: ("complex128", 128),
    TensorType.UINT64: ("uint64", 64),
    TensorType.RESOURCE: ("resource", 0),
    TensorType.VARIANT: ("variant", 0),
    TensorType.UINT32: ("uint32", 32),
    TensorType.UINT16: ("uint16", 16),
    TensorType.INT4: ("int4", 4),
    TensorType.BFLOAT16: ("bfloat16", 16),
    TensorType.INT2: ("int2", 2),
    TensorType.UINT4: ("uint4", 4),
    TensorType.FLOAT8_E4M3FN: ("float8_e4m3fn", 8),
    TensorType.FLOAT8_E5M2: ("float8_e5m2", 8),
}


class OptionsSchema:
    """Fields of an operator's options that need a check, by field number.

    Attributes:
        vectors: numpy dtype of the items of each vector, or ``string``.
        positive: Default of each int32 field that native code divides by or uses as a size.
        subgraphs: int32 fields with the number of a subgraph to call.
        subgraph_list: Field of the int32 vector with the numbers of subgraphs to call.
        inputs: int32 field that repeats the number of inputs.
        outputs: int32 field that repeats the number of outputs.
    """

    def __init__(
        self,
        vectors: dict[int, str] | None = None,
        *,
        positive: dict[int, int] | None = None,
        subgraphs: tuple[int, ...] = (),
        inputs: int | None = None,
        outputs: int | None = None,
        subgraph_list: int | None = None,
    ) -> None:
        self.vectors = vectors or {}
        self.positive = positive or {}
        self.subgraphs = subgraphs
        self.inputs = inputs
        self.outputs = outputs
        self.subgraph_list = subgraph_list


#: The members of the schema's union BuiltinOptions with fields that need a check.
OPTIONS = {
    BuiltinOptions.Conv2DOptions: OptionsSchema(
        positive={
            schema.Conv2DOptions.STRIDE_W: 0,
            schema.Conv2DOptions.STRIDE_H: 0,
            schema.Conv2DOptions.DILATION_W_FACTOR: 1,
            schema.Conv2DOptions.DILATION_H_FACTOR: 1,
        }
    ),
    BuiltinOptions.DepthwiseConv2DOptions: OptionsSchema(
        positive={
            schema.DepthwiseConv2DOptions.STRIDE_W: 0,
            schema.DepthwiseConv2DOptions.STRIDE_H: 0,
            schema.DepthwiseConv2DOptions.DILATION_W_FACTOR: 1,
            schema.DepthwiseConv2DOptions.DILATION_H_FACTOR: 1,
        }
    ),
    BuiltinOptions.ConcatEmbeddingsOptions: OptionsSchema(
        {
            schema.ConcatEmbeddingsOptions.NUM_COLUMNS_PER_CHANNEL: "<i4",
            schema.ConcatEmbeddingsOptions.EMBEDDING_DIM_PER_CHANNEL: "<i4",
        }
    ),
    BuiltinOptions.Pool2DOptions: OptionsSchema(
        positive={
            schema.Pool2DOptions.STRIDE_W: 0,
            schema.Pool2DOptions.STRIDE_H: 0,
            schema.Pool2DOptions.FILTER_WIDTH: 0,
            schema.Pool2DOptions.FILTER_HEIGHT: 0,
        }
    ),
    BuiltinOptions.SVDFOptions: OptionsSchema(positive={schema.SVDFOptions.RANK: 0}),
    BuiltinOptions.FullyConnectedOptions: OptionsSchema({schema.FullyConnectedOptions.QUANT_SPEC: "u1"}),
    BuiltinOptions.CallOptions: OptionsSchema(subgraphs=(schema.CallOptions.SUBGRAPH,)),
    BuiltinOptions.ReshapeOptions: OptionsSchema({schema.ReshapeOptions.NEW_SHAPE: "<i4"}),
    BuiltinOptions.SpaceToDepthOptions: OptionsSchema(positive={schema.SpaceToDepthOptions.BLOCK_SIZE: 0}),
    BuiltinOptions.SqueezeOptions: OptionsSchema({schema.SqueezeOptions.SQUEEZE_DIMS: "<i4"}),
    BuiltinOptions.SplitOptions: OptionsSchema(outputs=schema.SplitOptions.NUM_SPLITS),
    BuiltinOptions.TransposeConvOptions: OptionsSchema(
        positive={schema.TransposeConvOptions.STRIDE_W: 0, schema.TransposeConvOptions.STRIDE_H: 0}
    ),
    BuiltinOptions.PackOptions: OptionsSchema(inputs=schema.PackOptions.VALUES_COUNT),
    BuiltinOptions.UnpackOptions: OptionsSchema(outputs=schema.UnpackOptions.NUM),
    BuiltinOptions.SplitVOptions: OptionsSchema(outputs=schema.SplitVOptions.NUM_SPLITS),
    BuiltinOptions.IfOptions: OptionsSchema(
        subgraphs=(schema.IfOptions.THEN_SUBGRAPH_INDEX, schema.IfOptions.ELSE_SUBGRAPH_INDEX)
    ),
    BuiltinOptions.WhileOptions: OptionsSchema(
        subgraphs=(schema.WhileOptions.COND_SUBGRAPH_INDEX, schema.WhileOptions.BODY_SUBGRAPH_INDEX)
    ),
    BuiltinOptions.DepthToSpaceOptions: OptionsSchema(positive={schema.DepthToSpaceOptions.BLOCK_SIZE: 0}),
    BuiltinOptions.CallOnceOptions: OptionsSchema(subgraphs=(schema.CallOnceOptions.INIT_SUBGRAPH_INDEX,)),
    BuiltinOptions.Conv3DOptions: OptionsSchema(
        positive={
            schema.Conv3DOptions.STRIDE_D: 0,
            schema.Conv3DOptions.STRIDE_W: 0,
            schema.Conv3DOptions.STRIDE_H: 0,
            schema.Conv3DOptions.DILATION_D_FACTOR: 1,
            schema.Conv3DOptions.DILATION_W_FACTOR: 1,
            schema.Conv3DOptions.DILATION_H_FACTOR: 1,
        }
    ),
    BuiltinOptions.VarHandleOptions: OptionsSchema(
        {schema.VarHandleOptions.CONTAINER: "string", schema.VarHandleOptions.SHARED_NAME: "string"}
    ),
    BuiltinOptions.BucketizeOptions: OptionsSchema({schema.BucketizeOptions.BOUNDARIES: "<f4"}),
}

#: The same for the union BuiltinOptions2.
OPTIONS_2 = {
    BuiltinOptions2.StablehloBroadcastInDimOptions: OptionsSchema(
        {schema.StablehloBroadcastInDimOptions.BROADCAST_DIMENSIONS: "<i8"}
    ),
    BuiltinOptions2.StablehloSliceOptions: OptionsSchema(
        {
            schema.StablehloSliceOptions.START_INDICES: "<i8",
            schema.StablehloSliceOptions.LIMIT_INDICES: "<i8",
            schema.StablehloSliceOptions.STRIDES: "<i8",
        }
    ),
    BuiltinOptions2.StablehloConvolutionOptions: OptionsSchema(
        {
            schema.StablehloConvolutionOptions.WINDOW_STRIDES: "<i8",
            schema.StablehloConvolutionOptions.PADDING: "<i8",
            schema.StablehloConvolutionOptions.LHS_DILATION: "<i8",
            schema.StablehloConvolutionOptions.RHS_DILATION: "<i8",
            schema.StablehloConvolutionOptions.INPUT_SPATIAL_DIMENSIONS: "<i8",
            schema.StablehloConvolutionOptions.KERNEL_SPATIAL_DIMENSIONS: "<i8",
            schema.StablehloConvolutionOptions.OUTPUT_SPATIAL_DIMENSIONS: "<i8",
            schema.StablehloConvolutionOptions.WINDOW_REVERSAL: "u1",
            schema.StablehloConvolutionOptions.PRECISION_CONFIG: "<u4",
        }
    ),
    BuiltinOptions2.StablehloCustomCallOptions: OptionsSchema(
        {
            schema.StablehloCustomCallOptions.CALL_TARGET_NAME: "string",
            schema.StablehloCustomCallOptions.BACKEND_CONFIG: "string",
            schema.StablehloCustomCallOptions.CALLED_COMPUTATIONS: "<i4",
            schema.StablehloCustomCallOptions.CUSTOM_ATTRIBUTES: "u1",
        }
    ),
    BuiltinOptions2.StablehloReduceOptions: OptionsSchema(
        {schema.StablehloReduceOptions.DIMENSIONS: "<i8"},
        subgraphs=(schema.StablehloReduceOptions.BODY_SUBGRAPH_INDEX,),
    ),
    BuiltinOptions2.StablehloScatterOptions: OptionsSchema(
        {
            schema.StablehloScatterOptions.UPDATE_WINDOW_DIMS: "<i8",
            schema.StablehloScatterOptions.INSERTED_WINDOW_DIMS: "<i8",
            schema.StablehloScatterOptions.SCATTER_DIMS_TO_OPERAND_DIMS: "<i8",
        },
        subgraphs=(schema.StablehloScatterOptions.UPDATE_COMPUTATION_SUBGRAPH_INDEX,),
    ),
    BuiltinOptions2.StablehloDynamicSliceOptions: OptionsSchema(
        {schema.StablehloDynamicSliceOptions.SLICE_SIZES: "<i8"}
    ),
    BuiltinOptions2.StablehloPadOptions: OptionsSchema(
        {
            schema.StablehloPadOptions.EDGE_PADDING_LOW: "<i8",
            schema.StablehloPadOptions.EDGE_PADDING_HIGH: "<i8",
            schema.StablehloPadOptions.INTERIOR_PADDING: "<i8",
        }
    ),
    BuiltinOptions2.StablehloDotGeneralOptions: OptionsSchema(
        {
            schema.StablehloDotGeneralOptions.LHS_BATCHING_DIMENSIONS: "<i8",
            schema.StablehloDotGeneralOptions.RHS_BATCHING_DIMENSIONS: "<i8",
            schema.StablehloDotGeneralOptions.LHS_CONTRACTING_DIMENSIONS: "<i8",
            schema.StablehloDotGeneralOptions.RHS_CONTRACTING_DIMENSIONS: "<i8",
            schema.StablehloDotGeneralOptions.PRECISION_CONFIG: "<u4",
        }
    ),
    BuiltinOptions2.StablehloReduceWindowOptions: OptionsSchema(
        {
            schema.StablehloReduceWindowOptions.WINDOW_DIMENSIONS: "<i8",
            schema.StablehloReduceWindowOptions.WINDOW_STRIDES: "<i8",
            schema.StablehloReduceWindowOptions.BASE_DILATIONS: "<i8",
            schema.StablehloReduceWindowOptions.WINDOW_DILATIONS: "<i8",
            schema.StablehloReduceWindowOptions.PADDING: "<i8",
        },
        subgraphs=(schema.StablehloReduceWindowOptions.BODY_SUBGRAPH_INDEX,),
    ),
    BuiltinOptions2.StablehloSortOptions: OptionsSchema(
        subgraphs=(schema.StablehloSortOptions.COMPARATOR_SUBGRAPH_INDEX,)
    ),
    BuiltinOptions2.StablehloWhileOptions: OptionsSchema(
        subgraphs=(
            schema.StablehloWhileOptions.COND_SUBGRAPH_INDEX,
            schema.StablehloWhileOptions.BODY_SUBGRAPH_INDEX,
        )
    ),
    BuiltinOptions2.StablehloGatherOptions: OptionsSchema(
        {
            schema.StablehloGatherOptions.OFFSET_DIMS: "<i8",
            schema.StablehloGatherOptions.COLLAPSED_SLICE_DIMS: "<i8",
            schema.StablehloGatherOptions.START_INDEX_MAP: "<i8",
            schema.StablehloGatherOptions.SLICE_SIZES: "<i8",
        }
    ),
    BuiltinOptions2.StablehloTransposeOptions: OptionsSchema({schema.StablehloTransposeOptions.PERMUTATION: "<i8"}),
    BuiltinOptions2.StableHLOCompositeOptions: OptionsSchema(
        {schema.StableHLOCompositeOptions.NAME: "string", schema.StableHLOCompositeOptions.COMPOSITE_ATTRIBUTES: "u1"},
        subgraphs=(schema.StableHLOCompositeOptions.DECOMPOSITION_SUBGRAPH_INDEX,),
    ),
    BuiltinOptions2.StablehloCaseOptions: OptionsSchema(
        subgraph_list=schema.StablehloCaseOptions.BRANCH_SUBGRAPH_INDICES
    ),
}

_OPTION_NUMBERS = {
    name[: -len("Options")].lower(): number for name, number in vars(BuiltinOptions).items() if name.endswith("Options")
}

#: For each operator, the member of the union BuiltinOptions with the operator's name, if there is one.
OWN_OPTIONS = {
    name: _OPTION_NUMBERS[name.replace("_", "").lower()]
    for name in BUILTIN_OPERATORS
    if name.replace("_", "").lower() in _OPTION_NUMBERS
}

_TWO_INPUTS = """
    ADD ARG_MAX ARG_MIN BATCH_MATMUL BROADCAST_TO CUMSUM DIV EMBEDDING_LOOKUP EQUAL EXPAND_DIMS FILL FLOOR_DIV FLOOR_MOD
    GATHER GATHER_ND GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MEAN MINIMUM MIRROR_PAD MUL
    NOT_EQUAL PAD POW PRELU REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_SEQUENCE REVERSE_V2 SPLIT SQUARED_DIFFERENCE SUB SUM TILE TOPK_V2 TRANSPOSE
"""
_THREE_INPUTS = (
    "BATCH_TO_SPACE_ND DEPTHWISE_CONV_2D PADV2 RANGE SCATTER_ND SELECT SELECT_V2 SLICE SPACE_TO_BATCH_ND SPLIT_V"
)
_NO_INPUTS = (
    "CALL CALL_ONCE CUSTOM DELEGATE HASHTABLE STABLEHLO_COMPOSITE STABLEHLO_CUSTOM_CALL STABLEHLO_IOTA VAR_HANDLE"
)
#: Minimum number of inputs, for operators for which it is not one; not every interpreter checks it. XNNPACK reads the
#: third input of a depthwise convolution, the bias, even though it is optional.
FEWEST_INPUTS = {
    **dict.fromkeys(_NO_INPUTS.split(), 0),
    **dict.fromkeys(_TWO_INPUTS.split(), 2),
    **dict.fromkeys(_THREE_INPUTS.split(), 3),
    **dict.fromkeys(("DYNAMIC_UPDATE_SLICE", "CONV_3D_TRANSPOSE"), 3),
    **dict.fromkeys(("ONE_HOT", "STRIDED_SLICE"), 4),
    **dict.fromkeys(("CONV_2D", "CONV_3D", "FULLY_CONNECTED"), 2),
    "TRANSPOSE_CONV": 3,
    "RNN": 5,
    "SVDF": 5,
    "UNIDIRECTIONAL_SEQUENCE_RNN": 5,
    "LSTM": 5,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 20,
    "BIDIRECTIONAL_SEQUENCE_LSTM": 39,
}

#: Operators that have inputs but may have no outputs.
WITHOUT_OUTPUTS = ("ASSIGN_VARIABLE", "HASHTABLE_IMPORT", "IF", "WHILE")

#: Indices of the optional inputs of an operator; native code uses all other inputs without checking that they exist.
OPTIONAL_INPUTS = {
    "CONV_2D": {2},
    "DEPTHWISE_CONV_2D": {2},
    "FULLY_CONNECTED": {2},
    "CONV_3D": {2},
    "TRANSPOSE_CONV": {3},
    "CONV_3D_TRANSPOSE": {3},
    "SVDF": {3},
    "LSTM": {1, 5, 9, 10, 11, 12, 16, 17, 20, 21, 22, 23},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {1, 5, 9, 10, 11, 12, 16, 17, 20, 21, 22, 23},
    "BIDIRECTIONAL_SEQUENCE_RNN": {9, 10, 11},
    "BIDIRECTIONAL_SEQUENCE_LSTM": {1, 5, 9, 10, 11, 12, 16, 17, 18, 22, 26, 27, 28, 29, 33, 34, *range(39, 48)},
    "CUSTOM": set(range(64)),
    "STABLEHLO_COMPOSITE": set(range(64)),
}

#: Groups of inputs that must be all present or all missing: the input gate of an LSTM, with its weights and bias.
INPUTS_TOGETHER = {
    "LSTM": ((1, 5, 12),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ((1, 5, 12),),
    "BIDIRECTIONAL_SEQUENCE_LSTM": ((1, 5, 12), (18, 22, 29)),
}

#: Operators whose options are required: if they are missing, native code uses uninitialized memory.
REQUIRED_OPTIONS = {
    "CONV_2D": BuiltinOptions.Conv2DOptions,
    "DEPTHWISE_CONV_2D": BuiltinOptions.DepthwiseConv2DOptions,
    "AVERAGE_POOL_2D": BuiltinOptions.Pool2DOptions,
    "MAX_POOL_2D": BuiltinOptions.Pool2DOptions,
    "L2_POOL_2D": BuiltinOptions.Pool2DOptions,
    "SPACE_TO_DEPTH": BuiltinOptions.SpaceToDepthOptions,
    "SVDF": BuiltinOptions.SVDFOptions,
    "SPLIT": BuiltinOptions.SplitOptions,
    "PACK": BuiltinOptions.PackOptions,
    "UNPACK": BuiltinOptions.UnpackOptions,
    "SPLIT_V": BuiltinOptions.SplitVOptions,
    "TRANSPOSE_CONV": BuiltinOptions.TransposeConvOptions,
    "IF": BuiltinOptions.IfOptions,
    "WHILE": BuiltinOptions.WhileOptions,
    "DEPTH_TO_SPACE": BuiltinOptions.DepthToSpaceOptions,
    "CALL_ONCE": BuiltinOptions.CallOnceOptions,
    "CONV_3D": BuiltinOptions.Conv3DOptions,
    "CONV_3D_TRANSPOSE": BuiltinOptions.Conv3DOptions,
    "VAR_HANDLE": BuiltinOptions.VarHandleOptions,
    "BUCKETIZE": BuiltinOptions.BucketizeOptions,
}
