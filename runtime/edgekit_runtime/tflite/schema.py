"""Names for the numbers of the TFLite schema: fields of its tables, members of its enums.

Made by tests/data/schema/make_schema.py from the schema in ai-edge-litert; do not edit it by hand.
"""


class Model:
    """Field numbers of the table."""

    VERSION = 0
    OPERATOR_CODES = 1
    SUBGRAPHS = 2
    DESCRIPTION = 3
    BUFFERS = 4
    METADATA_BUFFER = 5
    METADATA = 6
    SIGNATURE_DEFS = 7
    EXTERNAL_BUFFER_GROUPS = 8
    EXTERNAL_BUFFERS = 9


class Buffer:
    """Field numbers of the table."""

    DATA = 0
    OFFSET = 1
    SIZE = 2


class OperatorCode:
    """Field numbers of the table."""

    DEPRECATED_BUILTIN_CODE = 0
    CUSTOM_CODE = 1
    VERSION = 2
    BUILTIN_CODE = 3


class SubGraph:
    """Field numbers of the table."""

    TENSORS = 0
    INPUTS = 1
    OUTPUTS = 2
    OPERATORS = 3
    NAME = 4
    DEBUG_METADATA_INDEX = 5


class Tensor:
    """Field numbers of the table."""

    SHAPE = 0
    TYPE = 1
    BUFFER = 2
    NAME = 3
    QUANTIZATION = 4
    IS_VARIABLE = 5
    SPARSITY = 6
    SHAPE_SIGNATURE = 7
    HAS_RANK = 8
    VARIANT_TENSORS = 9
    EXTERNAL_BUFFER = 10


class QuantizationParameters:
    """Field numbers of the table."""

    MIN = 0
    MAX = 1
    SCALE = 2
    ZERO_POINT = 3
    DETAILS_TYPE = 4
    DETAILS = 5
    QUANTIZED_DIMENSION = 6


class VariantSubType:
    """Field numbers of the table."""

    SHAPE = 0
    TYPE = 1
    HAS_RANK = 2


class SparsityParameters:
    """Field numbers of the table."""

    TRAVERSAL_ORDER = 0
    BLOCK_MAP = 1
    DIM_METADATA = 2


class DimensionMetadata:
    """Field numbers of the table."""

    FORMAT = 0
    DENSE_SIZE = 1
    ARRAY_SEGMENTS_TYPE = 2
    ARRAY_SEGMENTS = 3
    ARRAY_INDICES_TYPE = 4
    ARRAY_INDICES = 5


class Int32Vector:
    """Field numbers of the table."""

    VALUES = 0


class Operator:
    """Field numbers of the table."""

    OPCODE_INDEX = 0
    INPUTS = 1
    OUTPUTS = 2
    BUILTIN_OPTIONS_TYPE = 3
    BUILTIN_OPTIONS = 4
    CUSTOM_OPTIONS = 5
    CUSTOM_OPTIONS_FORMAT = 6
    MUTATING_VARIABLE_INPUTS = 7
    INTERMEDIATES = 8
    LARGE_CUSTOM_OPTIONS_OFFSET = 9
    LARGE_CUSTOM_OPTIONS_SIZE = 10
    BUILTIN_OPTIONS2_TYPE = 11
    BUILTIN_OPTIONS2 = 12
    DEBUG_METADATA_INDEX = 13


class SignatureDef:
    """Field numbers of the table."""

    INPUTS = 0
    OUTPUTS = 1
    SIGNATURE_KEY = 2
    SUBGRAPH_INDEX = 4


class TensorMap:
    """Field numbers of the table."""

    NAME = 0
    TENSOR_INDEX = 1


class Metadata:
    """Field numbers of the table."""

    NAME = 0
    BUFFER = 1


class BucketizeOptions:
    """Field numbers of the table."""

    BOUNDARIES = 0


class CallOptions:
    """Field numbers of the table."""

    SUBGRAPH = 0


class CallOnceOptions:
    """Field numbers of the table."""

    INIT_SUBGRAPH_INDEX = 0


class ConcatEmbeddingsOptions:
    """Field numbers of the table."""

    NUM_CHANNELS = 0
    NUM_COLUMNS_PER_CHANNEL = 1
    EMBEDDING_DIM_PER_CHANNEL = 2


class Conv2DOptions:
    """Field numbers of the table."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    FUSED_ACTIVATION_FUNCTION = 3
    DILATION_W_FACTOR = 4
    DILATION_H_FACTOR = 5
    QUANTIZED_BIAS_TYPE = 6


class Conv3DOptions:
    """Field numbers of the table."""

    PADDING = 0
    STRIDE_D = 1
    STRIDE_W = 2
    STRIDE_H = 3
    FUSED_ACTIVATION_FUNCTION = 4
    DILATION_D_FACTOR = 5
    DILATION_W_FACTOR = 6
    DILATION_H_FACTOR = 7


class DepthToSpaceOptions:
    """Field numbers of the table."""

    BLOCK_SIZE = 0


class DepthwiseConv2DOptions:
    """Field numbers of the table."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    DEPTH_MULTIPLIER = 3
    FUSED_ACTIVATION_FUNCTION = 4
    DILATION_W_FACTOR = 5
    DILATION_H_FACTOR = 6


class FullyConnectedOptions:
    """Field numbers of the table."""

    FUSED_ACTIVATION_FUNCTION = 0
    WEIGHTS_FORMAT = 1
    KEEP_NUM_DIMS = 2
    ASYMMETRIC_QUANTIZE_INPUTS = 3
    QUANTIZED_BIAS_TYPE = 4
    QUANT_SPEC = 5


class IfOptions:
    """Field numbers of the table."""

    THEN_SUBGRAPH_INDEX = 0
    ELSE_SUBGRAPH_INDEX = 1


class PackOptions:
    """Field numbers of the table."""

    VALUES_COUNT = 0
    AXIS = 1


class Pool2DOptions:
    """Field numbers of the table."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    FILTER_WIDTH = 3
    FILTER_HEIGHT = 4
    FUSED_ACTIVATION_FUNCTION = 5


class ReshapeOptions:
    """Field numbers of the table."""

    NEW_SHAPE = 0


class SVDFOptions:
    """Field numbers of the table."""

    RANK = 0
    FUSED_ACTIVATION_FUNCTION = 1
    ASYMMETRIC_QUANTIZE_INPUTS = 2


class SpaceToDepthOptions:
    """Field numbers of the table."""

    BLOCK_SIZE = 0


class SplitOptions:
    """Field numbers of the table."""

    NUM_SPLITS = 0


class SplitVOptions:
    """Field numbers of the table."""

    NUM_SPLITS = 0


class SqueezeOptions:
    """Field numbers of the table."""

    SQUEEZE_DIMS = 0


class StableHLOCompositeOptions:
    """Field numbers of the table."""

    NAME = 0
    DECOMPOSITION_SUBGRAPH_INDEX = 1
    COMPOSITE_ATTRIBUTES = 2
    COMPOSITE_ATTRIBUTES_FORMAT = 3
    VERSION = 4


class StablehloBroadcastInDimOptions:
    """Field numbers of the table."""

    BROADCAST_DIMENSIONS = 0


class StablehloCaseOptions:
    """Field numbers of the table."""

    BRANCH_SUBGRAPH_INDICES = 0


class StablehloConvolutionOptions:
    """Field numbers of the table."""

    WINDOW_STRIDES = 0
    PADDING = 1
    LHS_DILATION = 2
    RHS_DILATION = 3
    WINDOW_REVERSAL = 4
    INPUT_BATCH_DIMENSION = 5
    INPUT_FEATURE_DIMENSION = 6
    INPUT_SPATIAL_DIMENSIONS = 7
    KERNEL_INPUT_FEATURE_DIMENSION = 8
    KERNEL_OUTPUT_FEATURE_DIMENSION = 9
    KERNEL_SPATIAL_DIMENSIONS = 10
    OUTPUT_BATCH_DIMENSION = 11
    OUTPUT_FEATURE_DIMENSION = 12
    OUTPUT_SPATIAL_DIMENSIONS = 13
    FEATURE_GROUP_COUNT = 14
    BATCH_GROUP_COUNT = 15
    PRECISION_CONFIG = 16


class StablehloCustomCallOptions:
    """Field numbers of the table."""

    CALL_TARGET_NAME = 0
    HAS_SIDE_EFFECT = 1
    BACKEND_CONFIG = 2
    API_VERSION = 3
    CALLED_COMPUTATIONS = 4
    CUSTOM_ATTRIBUTES = 5


class StablehloDotGeneralOptions:
    """Field numbers of the table."""

    LHS_BATCHING_DIMENSIONS = 0
    RHS_BATCHING_DIMENSIONS = 1
    LHS_CONTRACTING_DIMENSIONS = 2
    RHS_CONTRACTING_DIMENSIONS = 3
    PRECISION_CONFIG = 4


class StablehloDynamicSliceOptions:
    """Field numbers of the table."""

    SLICE_SIZES = 0


class StablehloGatherOptions:
    """Field numbers of the table."""

    OFFSET_DIMS = 0
    COLLAPSED_SLICE_DIMS = 1
    START_INDEX_MAP = 2
    INDEX_VECTOR_DIM = 3
    SLICE_SIZES = 4
    INDICES_ARE_SORTED = 5


class StablehloPadOptions:
    """Field numbers of the table."""

    EDGE_PADDING_LOW = 0
    EDGE_PADDING_HIGH = 1
    INTERIOR_PADDING = 2


class StablehloReduceOptions:
    """Field numbers of the table."""

    DIMENSIONS = 0
    BODY_SUBGRAPH_INDEX = 1


class StablehloReduceWindowOptions:
    """Field numbers of the table."""

    WINDOW_DIMENSIONS = 0
    WINDOW_STRIDES = 1
    BASE_DILATIONS = 2
    WINDOW_DILATIONS = 3
    PADDING = 4
    BODY_SUBGRAPH_INDEX = 5


class StablehloScatterOptions:
    """Field numbers of the table."""

    INDICES_ARE_SORTED = 0
    UPDATE_WINDOW_DIMS = 1
    INSERTED_WINDOW_DIMS = 2
    SCATTER_DIMS_TO_OPERAND_DIMS = 3
    INDEX_VECTOR_DIM = 4
    UNIQUE_INDICES = 5
    UPDATE_COMPUTATION_SUBGRAPH_INDEX = 6


class StablehloSliceOptions:
    """Field numbers of the table."""

    START_INDICES = 0
    LIMIT_INDICES = 1
    STRIDES = 2


class StablehloSortOptions:
    """Field numbers of the table."""

    DIMENSION = 0
    IS_STABLE = 1
    COMPARATOR_SUBGRAPH_INDEX = 2


class StablehloTransposeOptions:
    """Field numbers of the table."""

    PERMUTATION = 0


class StablehloWhileOptions:
    """Field numbers of the table."""

    COND_SUBGRAPH_INDEX = 0
    BODY_SUBGRAPH_INDEX = 1


class TransposeConvOptions:
    """Field numbers of the table."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    FUSED_ACTIVATION_FUNCTION = 3
    QUANTIZED_BIAS_TYPE = 4


class StridedSliceOptions:
    """Field numbers of the table."""

    BEGIN_MASK = 0
    END_MASK = 1
    ELLIPSIS_MASK = 2
    NEW_AXIS_MASK = 3
    SHRINK_AXIS_MASK = 4
    OFFSET = 5


class UnpackOptions:
    """Field numbers of the table."""

    NUM = 0
    AXIS = 1


class VarHandleOptions:
    """Field numbers of the table."""

    CONTAINER = 0
    SHARED_NAME = 1


class WhileOptions:
    """Field numbers of the table."""

    COND_SUBGRAPH_INDEX = 0
    BODY_SUBGRAPH_INDEX = 1


class BuiltinOptions:
    """Values of the enum."""

    NONE = 0
    Conv2DOptions = 1
    DepthwiseConv2DOptions = 2
    ConcatEmbeddingsOptions = 3
    LSHProjectionOptions = 4
    Pool2DOptions = 5
    SVDFOptions = 6
    RNNOptions = 7
    FullyConnectedOptions = 8
    SoftmaxOptions = 9
    ConcatenationOptions = 10
    AddOptions = 11
    L2NormOptions = 12
    LocalResponseNormalizationOptions = 13
    LSTMOptions = 14
    ResizeBilinearOptions = 15
    CallOptions = 16
    ReshapeOptions = 17
    SkipGramOptions = 18
    SpaceToDepthOptions = 19
    EmbeddingLookupSparseOptions = 20
    MulOptions = 21
    PadOptions = 22
    GatherOptions = 23
    BatchToSpaceNDOptions = 24
    SpaceToBatchNDOptions = 25
    TransposeOptions = 26
    ReducerOptions = 27
    SubOptions = 28
    DivOptions = 29
    SqueezeOptions = 30
    SequenceRNNOptions = 31
    StridedSliceOptions = 32
    ExpOptions = 33
    TopKV2Options = 34
    SplitOptions = 35
    LogSoftmaxOptions = 36
    CastOptions = 37
    DequantizeOptions = 38
    MaximumMinimumOptions = 39
    ArgMaxOptions = 40
    LessOptions = 41
    NegOptions = 42
    PadV2Options = 43
    GreaterOptions = 44
    GreaterEqualOptions = 45
    LessEqualOptions = 46
    SelectOptions = 47
    SliceOptions = 48
    TransposeConvOptions = 49
    SparseToDenseOptions = 50
    TileOptions = 51
    ExpandDimsOptions = 52
    EqualOptions = 53
    NotEqualOptions = 54
    ShapeOptions = 55
    PowOptions = 56
    ArgMinOptions = 57
    FakeQuantOptions = 58
    PackOptions = 59
    LogicalOrOptions = 60
    OneHotOptions = 61
    LogicalAndOptions = 62
    LogicalNotOptions = 63
    UnpackOptions = 64
    FloorDivOptions = 65
    SquareOptions = 66
    ZerosLikeOptions = 67
    FillOptions = 68
    BidirectionalSequenceLSTMOptions = 69
    BidirectionalSequenceRNNOptions = 70
    UnidirectionalSequenceLSTMOptions = 71
    FloorModOptions = 72
    RangeOptions = 73
    ResizeNearestNeighborOptions = 74
    LeakyReluOptions = 75
    SquaredDifferenceOptions = 76
    MirrorPadOptions = 77
    AbsOptions = 78
    SplitVOptions = 79
    UniqueOptions = 80
    ReverseV2Options = 81
    AddNOptions = 82
    GatherNdOptions = 83
    CosOptions = 84
    WhereOptions = 85
    RankOptions = 86
    ReverseSequenceOptions = 87
    MatrixDiagOptions = 88
    QuantizeOptions = 89
    MatrixSetDiagOptions = 90
    HardSwishOptions = 91
    IfOptions = 92
    WhileOptions = 93
    DepthToSpaceOptions = 94
    NonMaxSuppressionV4Options = 95
    NonMaxSuppressionV5Options = 96
    ScatterNdOptions = 97
    SelectV2Options = 98
    DensifyOptions = 99
    SegmentSumOptions = 100
    BatchMatMulOptions = 101
    CumsumOptions = 102
    CallOnceOptions = 103
    BroadcastToOptions = 104
    Rfft2dOptions = 105
    Conv3DOptions = 106
    HashtableOptions = 107
    HashtableFindOptions = 108
    HashtableImportOptions = 109
    HashtableSizeOptions = 110
    VarHandleOptions = 111
    ReadVariableOptions = 112
    AssignVariableOptions = 113
    RandomOptions = 114
    BucketizeOptions = 115
    GeluOptions = 116
    DynamicUpdateSliceOptions = 117
    UnsortedSegmentProdOptions = 118
    UnsortedSegmentMaxOptions = 119
    UnsortedSegmentMinOptions = 120
    UnsortedSegmentSumOptions = 121
    ATan2Options = 122
    SignOptions = 123
    BitcastOptions = 124
    BitwiseXorOptions = 125
    RightShiftOptions = 126


class BuiltinOptions2:
    """Values of the enum."""

    NONE = 0
    StablehloConcatenateOptions = 1
    StablehloBroadcastInDimOptions = 2
    StablehloSliceOptions = 3
    StablehloConvolutionOptions = 4
    StablehloCustomCallOptions = 5
    StablehloReduceOptions = 6
    StablehloScatterOptions = 7
    StablehloCompareOptions = 8
    StablehloDynamicSliceOptions = 9
    StablehloPadOptions = 10
    StablehloIotaOptions = 11
    StablehloDotGeneralOptions = 12
    StablehloReduceWindowOptions = 13
    StablehloSortOptions = 14
    StablehloWhileOptions = 15
    StablehloGatherOptions = 16
    StablehloTransposeOptions = 17
    DilateOptions = 18
    StablehloRngBitGeneratorOptions = 19
    ReduceWindowOptions = 20
    StableHLOCompositeOptions = 21
    StablehloShiftLeftOptions = 22
    StablehloCaseOptions = 23


class Padding:
    """Values of the enum."""

    SAME = 0
    VALID = 1


class QuantizationDetails:
    """Values of the enum."""

    NONE = 0
    CustomQuantization = 1
    BlockwiseQuantization = 2
    MultiAxisQuantization = 3


class SparseIndexVector:
    """Values of the enum."""

    NONE = 0
    Int32Vector = 1
    Uint16Vector = 2
    Uint8Vector = 3


class TensorType:
    """Values of the enum."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22


#: Name of each builtin operator; its index is its code.
BUILTIN_OPERATORS = (
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "REDUCE_ALL",
    "CONV_3D_TRANSPOSE",
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE",
    "RANDOM_UNIFORM",
    "MULTINOMIAL",
    "GELU",
    "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM",
    "ATAN2",
    "UNSORTED_SEGMENT_MIN",
    "SIGN",
    "BITCAST",
    "BITWISE_XOR",
    "RIGHT_SHIFT",
    "STABLEHLO_LOGISTIC",
    "STABLEHLO_ADD",
    "STABLEHLO_DIVIDE",
    "STABLEHLO_MULTIPLY",
    "STABLEHLO_MAXIMUM",
    "STABLEHLO_RESHAPE",
    "STABLEHLO_CLAMP",
    "STABLEHLO_CONCATENATE",
    "STABLEHLO_BROADCAST_IN_DIM",
    "STABLEHLO_CONVOLUTION",
    "STABLEHLO_SLICE",
    "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_REDUCE",
    "STABLEHLO_ABS",
    "STABLEHLO_AND",
    "STABLEHLO_COSINE",
    "STABLEHLO_EXPONENTIAL",
    "STABLEHLO_FLOOR",
    "STABLEHLO_LOG",
    "STABLEHLO_MINIMUM",
    "STABLEHLO_NEGATE",
    "STABLEHLO_OR",
    "STABLEHLO_POWER",
    "STABLEHLO_REMAINDER",
    "STABLEHLO_RSQRT",
    "STABLEHLO_SELECT",
    "STABLEHLO_SUBTRACT",
    "STABLEHLO_TANH",
    "STABLEHLO_SCATTER",
    "STABLEHLO_COMPARE",
    "STABLEHLO_CONVERT",
    "STABLEHLO_DYNAMIC_SLICE",
    "STABLEHLO_DYNAMIC_UPDATE_SLICE",
    "STABLEHLO_PAD",
    "STABLEHLO_IOTA",
    "STABLEHLO_DOT_GENERAL",
    "STABLEHLO_REDUCE_WINDOW",
    "STABLEHLO_SORT",
    "STABLEHLO_WHILE",
    "STABLEHLO_GATHER",
    "STABLEHLO_TRANSPOSE",
    "DILATE",
    "STABLEHLO_RNG_BIT_GENERATOR",
    "REDUCE_WINDOW",
    "STABLEHLO_COMPOSITE",
    "STABLEHLO_SHIFT_LEFT",
    "STABLEHLO_CBRT",
    "STABLEHLO_CASE",
)
