"""The names that a description may use: Keras's own names from all its versions.

A name in this list is plain structure: layers, initializers, numbers. The upgrade decides whether it has a counterpart
in Keras 3. Classes that run code chosen by the file are in ``RUNS_CODE``; ``Lambda`` is in neither list.
"""

from __future__ import annotations

from edgekit_converters.keras_files.keras_operations import OPERATIONS, RENAMED
from edgekit_converters.keras_files.wrapper_layers import WRAPPER_LAYERS

# keras.layers of Keras 3.15; most exist since Keras 1 or 2.
_KERAS_3_LAYERS = frozenset(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D
    Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten
    GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D
    GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupQueryAttention GroupedQueryAttention HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM
    LSTMCell LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D
    MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization
    PReLU Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration
    RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
    RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
    RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector
    Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract
    TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
    """.split()  # noqa: SIM905
)

# Keras 2.0 to 2.15 and tf.keras, including the layers that represent a call of TensorFlow.
_KERAS_2_LAYERS = frozenset(
    """
    AddLoss AddMetric BatchNormalizationV1 BatchNormalizationV2 ClassMethod Conv2DTransposeV2 ConvLSTM1DCell
    ConvLSTM2DCell ConvLSTM3DCell ConvRNN2D ConvRecurrent2D CuDNNGRU CuDNNGRUV2 CuDNNLSTM CuDNNLSTMV2
    DenseFeatures DenseFeaturesV2 DepthwiseConv2DV2 GRUCellV2 GRUV2 InstanceMethod InstanceProperty LSTMCellV2
    LSTMV2 LocallyConnected1D LocallyConnected2D ParametricSoftplus RandomHeight RandomWidth SlicingOpLambda
    SyncBatchNormalization TFClassMethodDispatcher TFOpLambda TensorFlowOpLayer ThresholdedReLU UnifiedGRU
    UnifiedLSTM
    """.split()  # noqa: SIM905
)

# Keras 1.0 to 1.2.
_KERAS_1_LAYERS = frozenset(
    """
    AtrousConv1D AtrousConv2D AtrousConvolution1D AtrousConvolution2D Deconvolution2D Deconvolution3D Highway
    MaxoutDense Merge SReLU SparseDense TimeDistributedDense TimeDistributedMerge
    """.split()  # noqa: SIM905
)

# Initializers, regularizers, constraints, dtype policies, quantizers, and sources of random numbers.
_SETTINGS = frozenset(
    """
    AWQConfig AWQDTypePolicy AbsMaxQuantizer ActivityRegularizer Constant Constraint ConvolutionAware
    DTypePolicy DTypePolicyMap EigenvalueRegularizer Float8QuantizationConfig FloatDTypePolicy GPTQConfig
    GPTQDTypePolicy GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer
    Int4DTypePolicy Int4QuantizationConfig Int8QuantizationConfig L1 L1L2 L2 LecunNormal LecunUniform MaxNorm
    MinMaxNorm NonNeg Ones Orthogonal OrthogonalInitializer OrthogonalRegularizer Policy PolicyV1
    QuantizationConfig QuantizedDTypePolicy QuantizedFloat8DTypePolicy Quantizer RadialConstraint RandomNormal
    RandomUniform Regularizer STFT STFTInitializer SeedGenerator TruncatedNormal UnitNorm VarianceScaling
    WeightRegularizer Zeros
    """.split()  # noqa: SIM905
)

# How Keras serializes values that JSON cannot represent.
_VALUES = frozenset(
    """
    CompositeTensor TensorShape __bytes__ __complex__ __ellipsis__ __keras_tensor__ __numpy__ __slice__
    __tensor__ __tuple__
    """.split()  # noqa: SIM905
)

#: Wrappers of the TensorFlow Model Optimization toolkit around one layer each, which the upgrade removes.
_OPTIMIZATION_WRAPPERS = frozenset(record.class_name for record in WRAPPER_LAYERS.values() if record.is_unwrapped)
#: Other classes in that toolkit's descriptions, including those that belong to the wrappers: none of them is built.
OPTIMIZATION_CLASSES = _OPTIMIZATION_WRAPPERS | frozenset(
    """
    AllValuesQuantizer ConstantSparsity Default8BitConvQuantizeConfig Default8BitConvTransposeQuantizeConfig
    Default8BitConvWeightsQuantizer Default8BitOutputQuantizeConfig Default8BitQuantizeConfig
    Default8BitConcatInputQuantizeConfig FixedQuantizer LastValueQuantizer MovingAverageQuantizer NoOpActivation
    NoOpQuantizeConfig OutputOnlyConfig PolynomialDecay PruneForLatencyOnXNNPack QuantizeAwareActivation QuantizeLayer
    """.split()  # noqa: SIM905
)

#: Models, which consist of layers. Custom subclasses of these are custom classes.
MODELS = frozenset({"Sequential", "Functional", "Model", "Container", "Network", "Graph"})

_OPERATIONS = frozenset(OPERATIONS) | frozenset(RENAMED)

#: Classes of objects.
CLASSES = (
    _KERAS_3_LAYERS
    | _KERAS_2_LAYERS
    | _KERAS_1_LAYERS
    | _OPERATIONS
    | _SETTINGS
    | _VALUES
    | MODELS
    | OPTIMIZATION_CLASSES
)

#: Functions that a description may name: activations, initializers, and the score functions of Attention.
FUNCTIONS = frozenset(
    """
    _calculate_score_concat _calculate_score_dot celu constant elu exponential gelu glorot_normal glorot_uniform
    glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh he_normal he_uniform identity leaky_relu
    lecun_normal lecun_uniform linear log_sigmoid log_softmax mish normal one ones orthogonal random_normal
    random_uniform relu relu6 selu sigmoid silu soft_shrink softmax softmax_v2 softplus softsign sparse_plus
    sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold truncated_normal uniform
    variance_scaling zero zeros
    """.split()  # noqa: SIM905
)

#: Keras's classes that run code given by the file, or by a file that it names.
RUNS_CODE = {
    "TorchModuleWrapper": "unpickles a PyTorch module, which runs its code",
    "TFSMLayer": "loads a SavedModel from a path and runs it",
    "JaxLayer": "runs a JAX function",
    "FlaxLayer": "runs a Flax module",
    "KerasLayer": "downloads a TensorFlow Hub module and runs it",
    "SKLearnClassifier": "runs a scikit-learn estimator",
    "SKLearnRegressor": "runs a scikit-learn estimator",
    "SKLearnTransformer": "runs a scikit-learn estimator",
}
