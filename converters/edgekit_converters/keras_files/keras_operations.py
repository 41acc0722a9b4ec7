"""Keras 3's operations: the classes that calls of ``keras.ops`` leave in a functional model."""

from __future__ import annotations

import re
from typing import Any

# The operations of Keras 3.15 by module; a test compares them with Keras.
_CLASSES = {
    "keras.src.ops.core": """
        Cast ConvertToTensor SaturateCast Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack
        """,
    "keras.src.ops.einops": "Rearrange",
    "keras.src.ops.image": """
        AffineTransform CropImages ElasticTransform ExtractPatches GaussianBlur HSVToRGB MapCoordinates PadImages
        PerspectiveTransform RGBToGrayscale RGBToHSV Resize SSIM ScaleAndTranslate SobelEdges
        """,
    "keras.src.ops.linalg": """
        Cholesky CholeskyInverse Det Eig Eigh Inv Lstsq LuFactor MatrixRank Norm Pinv Qr SVD Solve SolveTriangular
        """,
    "keras.src.ops.math": """
        CDist Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK Logdet Logsumexp RFFT Rsqrt STFT
        SegmentMax SegmentMin SegmentProd SegmentSum TopK ViewAsComplex ViewAsReal
        """,
    "keras.src.ops.nn": """
        AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm BinaryCrossentropy CTCDecode CTCLoss
        CategoricalCrossentropy Celu Conv ConvTranspose DepthToSpace DepthwiseConv DotProductAttention Elu Fold Gelu
        Glu HardShrink HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments
        MultiHot Normalize OneHot PSNR Polar RMSNorm Relu Relu6 Selu SeparableConv Sigmoid Silu SoftShrink Softmax
        Softplus Softsign SpaceToDepth SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Squareplus
        TanhShrink Threshold Unfold
        """,
    "keras.src.ops.numpy": """
        Abs Absolute Add All AllClose Amax Amin Angle Any Append Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2
        Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit Average Bincount BitwiseAnd BitwiseInvert
        BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo Cbrt Ceil Clip Concatenate
        Conj Conjugate Copy Corrcoef Correlate Cos Cosh CountNonzero Cross Cumprod Cumsum Deg2rad Diag Diagflat
        Diagonal Diff Digitize Divide DivideNoNan Dot Dsplit Dstack Einsum EmptyLike Equal Exp Exp2 ExpandDims Expm1
        Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin Fmod Full FullLike Gcd Geomspace GetItem Greater
        GreaterEqual Heaviside Histogram Hsplit Hstack Hypot I0 Imag Inner IsIn Isclose Isfinite Isinf Isnan
        Isneginf Isposinf Isreal Kron Lcm Ldexp LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 Logaddexp
        Logaddexp2 LogicalAnd LogicalNot LogicalOr LogicalXor Logspace Matmul Max Maximum Mean Median Meshgrid Min
        Minimum Mod Moveaxis Multiply NanToNum Nanargmax Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian
        Nanmin Nanpercentile Nanprod Nanquantile Nanstd Nansum Nanvar Ndim Negative Nextafter Nonzero NotEqual
        OnesLike Outer Pad Percentile Power Prod Ptp Quantile Rad2deg Ravel Real Reciprocal Repeat Reshape
        RightShift Roll Rot90 Round SearchSorted Select Sign Signbit Sin Sinc Sinh Size Slogdet Sort Split Sqrt
        Square Squeeze Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile Trace Transpose
        Trapezoid Tril Triu TrueDivide Trunc Unique UnravelIndex Vander Var Vdot View Vsplit Vstack Where ZerosLike
        """,
    "keras.src.activations.activations": "Mish ReLU",
    "keras.src.quantizers.quantizers": "FakeQuantWithMinMaxVars",
}

#: The module of every operation that computes tensors from tensors, by its class.
OPERATIONS: dict[str, str] = {name: module for module, names in _CLASSES.items() for name in names.split()}

#: Operations that run a Python function, which a file can only name or contain as code.
RUNS_FUNCTIONS = frozenset({"AssociativeScan", "Cond", "ForiLoop", "JVP", "Map", "Scan", "Switch"}) | frozenset(
    {"VectorizedMap", "WhileLoop"}
)

#: Operations of earlier versions of Keras 3, and their present names.
RENAMED = {"CtcLoss": "CTCLoss", "ExtractPatches3D": "ExtractPatches"}

# Functions whose names do not follow from those of their classes.
_FUNCTIONS = {
    "AllClose": "allclose",
    "BatchNorm": "batch_normalization",
    "CDist": "cdist",
    "IsIn": "isin",
    "LayerNorm": "layer_normalization",
    "RMSNorm": "rms_normalization",
    "SearchSorted": "searchsorted",
}
_NAMESPACES = {
    "keras.src.ops.image": "keras.ops.image",
    "keras.src.activations.activations": "keras.activations",
    "keras.src.quantizers.quantizers": "keras.quantizers",
}


def is_operation(layer: dict[str, Any]) -> bool:
    """True if a description names an operation by its class and module."""
    class_name = layer.get("class_name")
    return isinstance(class_name, str) and class_name in OPERATIONS and layer.get("module") == OPERATIONS[class_name]


def public_function(class_name: str) -> str:
    """The function that an operation calls, such as ``"keras.ops.image.rgb_to_grayscale"``."""
    namespace = _NAMESPACES.get(OPERATIONS.get(class_name, ""), "keras.ops")
    return f"{namespace}.{_FUNCTIONS.get(class_name) or _snake_case(class_name)}"


def _snake_case(name: str) -> str:
    """Convert a class name as Keras does for objects: ``RGBToHSV`` becomes ``rgb_to_hsv``."""
    if name.isupper() or name == "ReLU":
        return name.lower()
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()
