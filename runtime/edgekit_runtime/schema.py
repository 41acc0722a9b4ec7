"""The builtin operators and tensor types of the TFLite schema, by their numbers."""

from __future__ import annotations

_NAMES = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
    LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6
    RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM
    EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND
    TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
    EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX
    MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV
    SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT
    REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
    REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
    SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU
    REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
    NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM
    MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
    UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT
    STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM
    STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
    STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
    STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
    STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
    STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
    STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER
    STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
    STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""
#: Name of each builtin operator; its place is its code.
BUILTIN_OPERATORS = tuple(_NAMES.split())

#: The code that says "see the operator's name": code outside the builtin set.
CUSTOM = BUILTIN_OPERATORS.index("CUSTOM")

#: Custom operators that both interpreters bring along.
BUNDLED_CUSTOM_OPERATORS = frozenset({"AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess"})

#: Name and bits per element of each tensor type; the place in the list is its code.
#: Strings, resources and variants have no fixed size: 0 bits.
TENSOR_TYPES = (
    ("float32", 32),
    ("float16", 16),
    ("int32", 32),
    ("uint8", 8),
    ("int64", 64),
    ("string", 0),
    ("bool", 8),
    ("int16", 16),
    ("complex64", 64),
    ("int8", 8),
    ("float64", 64),
    ("complex128", 128),
    ("uint64", 64),
    ("resource", 0),
    ("variant", 0),
    ("uint32", 32),
    ("uint16", 16),
    ("int4", 4),
    ("bfloat16", 16),
    ("int2", 2),
    ("uint4", 4),
    ("float8_e4m3fn", 8),
    ("float8_e5m2", 8),
)


class OptionsSchema:
    """What the options of an operator hold beside plain numbers, by field number.

    Attributes:
        vectors: numpy dtype of the items of each vector, or ``string``.
        positive: Default of each int32 field that native code divides by, or takes as a size.
        subgraphs: int32 fields that name a subgraph to call.
        inputs: The int32 field that repeats the number of inputs.
        outputs: The int32 field that repeats the number of outputs.
    """

    def __init__(
        self,
        vectors: dict[int, str] | None = None,
        positive: dict[int, int] | None = None,
        subgraphs: tuple[int, ...] = (),
        inputs: int | None = None,
        outputs: int | None = None,
    ) -> None:
        self.vectors = vectors or {}
        self.positive = positive or {}
        self.subgraphs = subgraphs
        self.inputs = inputs
        self.outputs = outputs


def _int64_vectors(*fields: int) -> dict[int, str]:
    return dict.fromkeys(fields, "<i8")


#: The members of the schema's union BuiltinOptions that are more than plain numbers.
OPTIONS = {
    1: OptionsSchema(positive={1: 0, 2: 0, 4: 1, 5: 1}),  # Conv2DOptions
    2: OptionsSchema(positive={1: 0, 2: 0, 5: 1, 6: 1}),  # DepthwiseConv2DOptions
    3: OptionsSchema({1: "<i4", 2: "<i4"}),  # ConcatEmbeddingsOptions
    5: OptionsSchema(positive={1: 0, 2: 0, 3: 0, 4: 0}),  # Pool2DOptions
    6: OptionsSchema(positive={0: 0}),  # SVDFOptions
    8: OptionsSchema({5: "u1"}),  # FullyConnectedOptions
    16: OptionsSchema(subgraphs=(0,)),  # CallOptions
    17: OptionsSchema({0: "<i4"}),  # ReshapeOptions
    19: OptionsSchema(positive={0: 0}),  # SpaceToDepthOptions
    30: OptionsSchema({0: "<i4"}),  # SqueezeOptions
    35: OptionsSchema(outputs=0),  # SplitOptions
    49: OptionsSchema(positive={1: 0, 2: 0}),  # TransposeConvOptions
    59: OptionsSchema(inputs=0),  # PackOptions
    64: OptionsSchema(outputs=0),  # UnpackOptions
    79: OptionsSchema(outputs=0),  # SplitVOptions
    92: OptionsSchema(subgraphs=(0, 1)),  # IfOptions
    93: OptionsSchema(subgraphs=(0, 1)),  # WhileOptions
    94: OptionsSchema(positive={0: 0}),  # DepthToSpaceOptions
    103: OptionsSchema(subgraphs=(0,)),  # CallOnceOptions
    106: OptionsSchema(positive={1: 0, 2: 0, 3: 0, 5: 1, 6: 1, 7: 1}),  # Conv3DOptions
    111: OptionsSchema({0: "string", 1: "string"}),  # VarHandleOptions
    115: OptionsSchema({0: "<f4"}),  # BucketizeOptions
}

#: The same for BuiltinOptions2.
OPTIONS_2 = {
    2: OptionsSchema(_int64_vectors(0)),  # StablehloBroadcastInDimOptions
    3: OptionsSchema(_int64_vectors(0, 1, 2)),  # StablehloSliceOptions
    4: OptionsSchema({**_int64_vectors(0, 1, 2, 3, 7, 10, 13), 4: "u1", 16: "<u4"}),  # StablehloConvolutionOptions
    5: OptionsSchema({0: "string", 2: "string", 4: "<i4", 5: "u1"}),  # StablehloCustomCallOptions
    6: OptionsSchema(_int64_vectors(0), subgraphs=(1,)),  # StablehloReduceOptions
    7: OptionsSchema(_int64_vectors(1, 2, 3), subgraphs=(6,)),  # StablehloScatterOptions
    9: OptionsSchema(_int64_vectors(0)),  # StablehloDynamicSliceOptions
    10: OptionsSchema(_int64_vectors(0, 1, 2)),  # StablehloPadOptions
    12: OptionsSchema({**_int64_vectors(0, 1, 2, 3), 4: "<u4"}),  # StablehloDotGeneralOptions
    13: OptionsSchema(_int64_vectors(0, 1, 2, 3, 4), subgraphs=(5,)),  # StablehloReduceWindowOptions
    14: OptionsSchema(subgraphs=(2,)),  # StablehloSortOptions
    15: OptionsSchema(subgraphs=(0, 1)),  # StablehloWhileOptions
    16: OptionsSchema(_int64_vectors(0, 1, 2, 4)),  # StablehloGatherOptions
    17: OptionsSchema(_int64_vectors(0)),  # StablehloTransposeOptions
    21: OptionsSchema({0: "string", 2: "u1"}, subgraphs=(1,)),  # StableHLOCompositeOptions
    23: OptionsSchema({0: "<i4"}),  # StablehloCaseOptions
}

_OPTION_NAMES = """
    NONE Conv2D DepthwiseConv2D ConcatEmbeddings LSHProjection Pool2D SVDF RNN FullyConnected Softmax
    Concatenation Add L2Norm LocalResponseNormalization LSTM ResizeBilinear Call Reshape SkipGram
    SpaceToDepth EmbeddingLookupSparse Mul Pad Gather BatchToSpaceND SpaceToBatchND Transpose Reducer Sub
    Div Squeeze SequenceRNN StridedSlice Exp TopKV2 Split LogSoftmax Cast Dequantize MaximumMinimum ArgMax
    Less Neg PadV2 Greater GreaterEqual LessEqual Select Slice TransposeConv SparseToDense Tile ExpandDims
    Equal NotEqual Shape Pow ArgMin FakeQuant Pack LogicalOr OneHot LogicalAnd LogicalNot Unpack FloorDiv
    Square ZerosLike Fill BidirectionalSequenceLSTM BidirectionalSequenceRNN UnidirectionalSequenceLSTM
    FloorMod Range ResizeNearestNeighbor LeakyRelu SquaredDifference MirrorPad Abs SplitV Unique ReverseV2
    AddN GatherNd Cos Where Rank ReverseSequence MatrixDiag Quantize MatrixSetDiag HardSwish If While
    DepthToSpace NonMaxSuppressionV4 NonMaxSuppressionV5 ScatterNd SelectV2 Densify SegmentSum BatchMatMul
    Cumsum CallOnce BroadcastTo Rfft2d Conv3D Hashtable HashtableFind HashtableImport HashtableSize
    VarHandle ReadVariable AssignVariable Random Bucketize Gelu DynamicUpdateSlice UnsortedSegmentProd
    UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentSum ATan2 Sign Bitcast BitwiseXor RightShift
"""
_OPTION_NUMBERS = {name.lower(): number for number, name in enumerate(_OPTION_NAMES.split())}

#: The member of the union BuiltinOptions that bears an operator's own name, for those that have one.
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
#: The fewest inputs of operators that do not take one; not every interpreter counts them. XNNPACK reads the third of a
#: depthwise convolution, the bias, even where it is optional.
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

#: Operators that take something and may give nothing.
WITHOUT_OUTPUTS = ("ASSIGN_VARIABLE", "HASHTABLE_IMPORT", "IF", "WHILE")

#: The inputs that an operator can do without, by place; native code follows any other without a look.
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

#: Inputs that are there together or not at all: the input gate of an LSTM, with its weights and bias.
INPUTS_TOGETHER = {
    "LSTM": ((1, 5, 12),),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ((1, 5, 12),),
    "BIDIRECTIONAL_SEQUENCE_LSTM": ((1, 5, 12), (18, 22, 29)),
}

#: Operators that native code runs with whatever is in memory where their options are missing.
REQUIRED_OPTIONS = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 2,
    "AVERAGE_POOL_2D": 5,
    "MAX_POOL_2D": 5,
    "L2_POOL_2D": 5,
    "SPACE_TO_DEPTH": 19,
    "SVDF": 6,
    "SPLIT": 35,
    "PACK": 59,
    "UNPACK": 64,
    "SPLIT_V": 79,
    "TRANSPOSE_CONV": 49,
    "IF": 92,
    "WHILE": 93,
    "DEPTH_TO_SPACE": 94,
    "CALL_ONCE": 103,
    "CONV_3D": 106,
    "CONV_3D_TRANSPOSE": 106,
    "VAR_HANDLE": 111,
    "BUCKETIZE": 115,
}
