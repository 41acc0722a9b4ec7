"""An example call of every public function of ``keras.ops``, as Keras 3.15 exports them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


class _KerasFunction:
    """A function of Keras by its path, looked up when it is called: the table is read without Keras."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> _KerasFunction:
        return _KerasFunction(f"{self._path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.resolve()(*args, **kwargs)

    def resolve(self) -> Any:
        """Keras's own function."""
        import keras

        found = keras
        for name in self._path.split("."):
            found = getattr(found, name)
        return found


ops = _KerasFunction("ops")


@dataclass(frozen=True)
class Values:
    """What an input takes: its shape without the batch, and the range of its seeded values."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float32"

    def draw(self, generator: np.random.Generator, batch: int) -> np.ndarray:
        """Values (batch, *shape) of the dtype."""
        shape = (batch, *self.shape)
        if self.dtype == "float32":
            return generator.uniform(self.low, self.high, shape).astype("float32")
        return generator.integers(int(self.low), int(self.high), shape, endpoint=True).astype(self.dtype)


@dataclass(frozen=True)
class Example:
    """A call of a function on symbolic inputs."""

    call: Callable[..., Any]
    inputs: tuple[Values, ...]


X = Values((3, 4))
UNIT = Values((3, 4), -0.95, 0.95)
POSITIVE = Values((3, 4), 0.2, 2.0)
ABOVE_ONE = Values((3, 4), 1.1, 3.0)
INT = Values((6,), 0, 4, "int32")
BOOL = Values((6,), 0, 1, "bool")
IMAGE = Values((8, 8, 3), 0.0, 1.0)
SERIES = Values((16,))
MATRIX = Values((3, 3))
COMPLEX = (Values((4, 4)), Values((4, 4)))
PROBABILITIES = Values((4,), 0.05, 0.95)


def _constant(*shape: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def _spd(x: Any) -> Any:
    return ops.add(ops.matmul(x, ops.transpose(x, (0, 2, 1))), ops.multiply(ops.eye(3), 2.0))


_NORMAL = """
    abs absolute arctan arcsinh cbrt ceil celu conj conjugate copy cos cosh deg2rad elu erf erfc exp exp2 expm1 fabs
    floor gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh i0 isfinite isinf isnan isneginf isposinf
    isreal leaky_relu log_sigmoid log_softmax logical_not nan_to_num negative ones_like rad2deg ravel real imag
    angle relu relu6 round selu sigmoid sign signbit silu sin sinc sinh soft_shrink softmax softplus softsign
    sparse_plus sparse_sigmoid sparsemax square squareplus stop_gradient swish tan tanh tanh_shrink trunc zeros_like
    empty_like sort argsort all any amax amin argmax argmin max min mean median std sum var prod ptp cumsum cumprod
    count_nonzero logsumexp norm normalize layer_normalization rms_normalization nanargmax nanargmin nancumprod
    nancumsum nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar diff flip flipud fliplr rot90 nonzero
    unique
"""
_AXES = """
    all any amax amin argmax argmin max min mean median std sum var prod ptp cumsum cumprod count_nonzero logsumexp
    nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar
"""
_POSITIVE = "log log10 log1p log2 rsqrt sqrt reciprocal"
_UNIT = "arccos arcsin arctanh erfinv"
_TWO = """
    add subtract multiply maximum minimum equal not_equal greater greater_equal less less_equal logical_and
    logical_or logical_xor arctan2 fmax fmin hypot logaddexp logaddexp2 heaviside isclose allclose nextafter
    divide_no_nan
"""
_DIVISIONS = "divide true_divide floor_divide mod fmod"
_INTEGERS = """bitwise_and bitwise_or bitwise_xor gcd lcm"""
_SHIFTS = "bitwise_left_shift bitwise_right_shift left_shift right_shift"


def _named(names: str, make: Callable[[Callable[..., Any]], Example]) -> dict[str, Example]:
    return {name: make(getattr(ops, name)) for name in names.split()}


_A2 = (X, X)

EXAMPLES: dict[str, Example] = {
    **_named(_NORMAL, lambda f: Example(f, (X,))),
    **_named(_AXES, lambda f: Example(lambda x: f(x, axis=-1), (X,))),
    **_named(_POSITIVE, lambda f: Example(f, (POSITIVE,))),
    **_named(_UNIT, lambda f: Example(f, (UNIT,))),
    "arccosh": Example(ops.arccosh, (ABOVE_ONE,)),
    **_named(_TWO, lambda f: Example(f, _A2)),
    **_named(_DIVISIONS, lambda f: Example(f, (X, POSITIVE))),
    **_named(_INTEGERS, lambda f: Example(f, (INT, INT))),
    **_named(_SHIFTS, lambda f: Example(f, (INT, INT))),
    "bitwise_not": Example(ops.bitwise_not, (INT,)),
    "bitwise_invert": Example(ops.bitwise_invert, (INT,)),
    "power": Example(ops.power, (POSITIVE, X)),
    "ldexp": Example(ops.ldexp, (X, Values((3, 4), -2, 3, "int32"))),
    # Shapes
    "norm": Example(lambda x: ops.norm(x, axis=-1), (X,)),
    "append": Example(lambda x: ops.append(x, x, axis=1), (X,)),
    "array": Example(ops.array, (X,)),
    "array_split": Example(lambda x: ops.array_split(x, 3, axis=-1), (X,)),
    "broadcast_to": Example(lambda x: ops.broadcast_to(ops.expand_dims(ops.mean(x, axis=(0, 1)), 0), (5, 4)), (X,)),
    "concatenate": Example(lambda x, y: ops.concatenate([x, y], axis=-1), _A2),
    "stack": Example(lambda x, y: ops.stack([x, y], axis=1), _A2),
    "hstack": Example(lambda x, y: ops.hstack([x, y]), _A2),
    "vstack": Example(lambda x, y: ops.vstack([x, y]), _A2),
    "dstack": Example(lambda x, y: ops.dstack([x, y]), _A2),
    "expand_dims": Example(lambda x: ops.expand_dims(x, 1), (X,)),
    "squeeze": Example(lambda x: ops.squeeze(x, 2), (Values((3, 1, 4)),)),
    "reshape": Example(lambda x: ops.reshape(x, (-1, 12)), (X,)),
    "transpose": Example(lambda x: ops.transpose(x, (0, 2, 1)), (X,)),
    "swapaxes": Example(lambda x: ops.swapaxes(x, 1, 2), (X,)),
    "moveaxis": Example(lambda x: ops.moveaxis(x, 1, 2), (X,)),
    "repeat": Example(lambda x: ops.repeat(x, 2, axis=1), (X,)),
    "tile": Example(lambda x: ops.tile(x, (1, 2, 1)), (X,)),
    "roll": Example(lambda x: ops.roll(x, 1, axis=1), (X,)),
    "pad": Example(lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 2)), constant_values=1.5), (X,)),
    "split": Example(lambda x: ops.split(x, 2, axis=-1), (X,)),
    "hsplit": Example(lambda x: ops.hsplit(x, 3), (X,)),
    "vsplit": Example(lambda x: ops.vsplit(ops.transpose(x, (1, 0, 2)), 3), (X,)),
    "dsplit": Example(lambda x: ops.dsplit(x, 2), (X,)),
    "unstack": Example(lambda x: ops.unstack(x, axis=1), (X,)),
    "slice": Example(lambda x: ops.slice(ops.transpose(x, (1, 2, 0)), (1, 1, 0), (2, 2, 1)), (X,)),
    "slice_update": Example(
        lambda x: ops.slice_update(ops.transpose(x, (1, 2, 0)), (1, 1, 0), ops.ones((1, 2, 1))), (X,)
    ),
    "get_item": Example(lambda x: ops.get_item(x, (slice(None), 1, slice(0, 4, 2))), (X,)),
    "take": Example(lambda x: ops.take(x, [0, 2], axis=1), (X,)),
    "take_along_axis": Example(lambda x: ops.take_along_axis(x, ops.argsort(x, axis=-1), axis=-1), (X,)),
    "flip": Example(lambda x: ops.flip(x, axis=1), (X,)),
    "rot90": Example(lambda x: ops.rot90(x, axes=(1, 2)), (X,)),
    "diag": Example(lambda x: ops.diag(ops.mean(x, axis=(0, 1))), (X,)),
    "diagflat": Example(lambda x: ops.diagflat(ops.mean(x, axis=(0, 1))), (X,)),
    "diagonal": Example(lambda x: ops.diagonal(x, axis1=1, axis2=2), (MATRIX,)),
    "trace": Example(lambda x: ops.trace(x, axis1=1, axis2=2), (MATRIX,)),
    "tril": Example(ops.tril, (MATRIX,)),
    "triu": Example(ops.triu, (MATRIX,)),
    "tri": Example(lambda x: ops.multiply(x, ops.tri(3, 4)), (X,)),
    "meshgrid": Example(lambda x: ops.meshgrid(ops.mean(x, axis=(0, 1)), ops.arange(3.0)), (X,)),
    "view": Example(lambda x: ops.view(x, "int32"), (X,)),
    "where": Example(lambda x, y: ops.where(ops.greater(x, 0.0), x, y), _A2),
    "select": Example(lambda x, y: ops.select([ops.greater(x, 1.0), ops.greater(y, 0.0)], [x, y], 0.5), _A2),
    "clip": Example(lambda x: ops.clip(x, -0.5, 0.5), (X,)),
    "cast": Example(lambda x: ops.cast(x, "int32"), (X,)),
    "saturate_cast": Example(lambda x: ops.saturate_cast(ops.multiply(x, 200.0), "uint8"), (X,)),
    "convert_to_tensor": Example(ops.convert_to_tensor, (X,)),
    "searchsorted": Example(
        lambda x: ops.searchsorted(np.array([-1.0, 0.0, 1.0], "float32"), ops.mean(x, axis=(1, 2))), (X,)
    ),
    "scatter": Example(
        lambda x: ops.scatter(np.array([[0], [2]]), ops.take(ops.mean(x, axis=(0, 1)), [0, 1]), (5,)), (X,)
    ),
    "scatter_update": Example(
        lambda x: ops.scatter_update(ops.mean(x, axis=0), np.array([[0, 1], [2, 2]]), np.array([1.0, 2.0], "float32")),
        (X,),
    ),
    "argpartition": Example(lambda x: ops.argpartition(ops.mean(x, axis=(0, 1)), 2), (X,)),
    "top_k": Example(lambda x: ops.top_k(x, 2), (X,)),
    "in_top_k": Example(
        lambda x, y: ops.in_top_k(ops.reshape(x, (-1,)), y, 2), (Values((1,), 0, 3, "int32"), PROBABILITIES)
    ),
    "isin": Example(lambda x: ops.isin(x, [1, 3]), (INT,)),
    "unravel_index": Example(lambda x: ops.unravel_index(x, (2, 3)), (INT,)),
    "rearrange": Example(lambda x: ops.rearrange(ops.mean(x, axis=0), "h w -> w h"), (X,)),
    # Windows, ranges and constants: they make a tensor that then takes part in the model.
    **_named("bartlett blackman hamming hanning", lambda f: Example(lambda x: ops.multiply(x, f(4)), (X,))),
    "kaiser": Example(lambda x: ops.multiply(x, ops.kaiser(4, 14.0)), (X,)),
    "arange": Example(lambda x: ops.add(x, ops.arange(4.0)), (X,)),
    "linspace": Example(lambda x: ops.linspace(x, ops.add(x, 1.0), num=3, axis=1), (X,)),
    "logspace": Example(lambda x: ops.logspace(x, ops.add(x, 1.0), num=3, axis=1), (X,)),
    "geomspace": Example(lambda x: ops.geomspace(x, ops.add(x, 1.0), num=3), (POSITIVE,)),
    "empty": Example(lambda x: ops.add(x, ops.multiply(ops.empty((4,)), 0.0)), (X,)),
    "eye": Example(lambda x: ops.matmul(x, ops.eye(4)), (X,)),
    "identity": Example(lambda x: ops.matmul(x, ops.identity(4)), (X,)),
    "full": Example(lambda x: ops.full((2, 3), ops.mean(x)), (X,)),
    "full_like": Example(lambda x: ops.full_like(x, 2.5), (X,)),
    "ones": Example(lambda x: ops.add(x, ops.ones((3, 4))), (X,)),
    "zeros": Example(lambda x: ops.maximum(x, ops.zeros((3, 4))), (X,)),
    "shape": Example(lambda x: ops.multiply(x, float(ops.shape(x)[1])), (X,)),
    "ndim": Example(ops.ndim, (X,)),
    "size": Example(lambda x: ops.multiply(x, ops.size(ops.ones((2, 3)))), (X,)),
    "dtype": Example(lambda x: ops.cast(ops.floor(x), ops.dtype(x)), (X,)),
    "is_tensor": Example(lambda x: ops.multiply(x, float(ops.is_tensor(x))), (X,)),
    # Products
    "matmul": Example(lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))), _A2),
    "dot": Example(lambda x: ops.dot(x, _constant(4, 2)), (X,)),
    "inner": Example(lambda x: ops.inner(ops.mean(x, axis=(0, 1)), _constant(4)), (X,)),
    "outer": Example(lambda x: ops.outer(ops.mean(x, axis=(0, 1)), _constant(3)), (X,)),
    "vdot": Example(ops.vdot, _A2),
    "tensordot": Example(lambda x: ops.tensordot(x, _constant(3, 4, 5), axes=[[1, 2], [0, 1]]), (X,)),
    "kron": Example(lambda x: ops.kron(ops.mean(x, axis=0), _constant(2, 2)), (X,)),
    "cross": Example(ops.cross, (MATRIX, MATRIX)),
    "einsum": Example(lambda x, y: ops.einsum("bid,bjd->bij", x, y), _A2),
    "average": Example(lambda x: ops.average(x, axis=-1, weights=np.array([1.0, 2.0, 3.0, 4.0], "float32")), (X,)),
    "cdist": Example(ops.cdist, _A2),
    "corrcoef": Example(lambda x: ops.corrcoef(ops.mean(x, axis=0)), (X,)),
    "correlate": Example(lambda x: ops.correlate(ops.mean(x, axis=(0, 1)), _constant(3), mode="same"), (X,)),
    "trapezoid": Example(lambda x: ops.trapezoid(x, axis=-1), (X,)),
    "vander": Example(lambda x: ops.vander(ops.mean(x, axis=(0, 1)), 3), (X,)),
    # Statistics
    "percentile": Example(lambda x: ops.percentile(x, 30.0, axis=-1), (X,)),
    "quantile": Example(lambda x: ops.quantile(x, 0.3, axis=-1), (X,)),
    "nanpercentile": Example(lambda x: ops.nanpercentile(x, 30.0, axis=-1), (X,)),
    "nanquantile": Example(lambda x: ops.nanquantile(x, 0.3, axis=-1), (X,)),
    "moments": Example(lambda x: ops.moments(x, axes=[1, 2]), (X,)),
    "bincount": Example(lambda x: ops.bincount(x, minlength=5), (INT,)),
    "digitize": Example(lambda x: ops.digitize(x, np.array([-1.0, 0.0, 1.0], "float32")), (X,)),
    "histogram": Example(lambda x: ops.histogram(ops.reshape(x, (-1,)), bins=4, range=(-2, 2)), (X,)),
    **_named(
        "segment_max segment_min segment_prod segment_sum",
        lambda f: Example(lambda x: f(ops.transpose(x, (1, 2, 0)), np.array([0, 0, 1], "int32"), num_segments=2), (X,)),
    ),
    # Linear algebra
    "cholesky": Example(lambda x: ops.cholesky(_spd(x)), (MATRIX,)),
    "cholesky_inverse": Example(lambda x: ops.cholesky_inverse(ops.cholesky(_spd(x))), (MATRIX,)),
    "det": Example(ops.det, (MATRIX,)),
    "eig": Example(ops.eig, (MATRIX,)),
    "eigh": Example(lambda x: ops.eigh(_spd(x)), (MATRIX,)),
    "inv": Example(lambda x: ops.inv(_spd(x)), (MATRIX,)),
    "logdet": Example(lambda x: ops.logdet(_spd(x)), (MATRIX,)),
    "lstsq": Example(lambda x: ops.lstsq(ops.mean(x, axis=0), _constant(3)), (MATRIX,)),
    "lu_factor": Example(lambda x: ops.lu_factor(ops.mean(x, axis=0)), (MATRIX,)),
    "matrix_rank": Example(ops.matrix_rank, (MATRIX,)),
    "pinv": Example(ops.pinv, (MATRIX,)),
    "qr": Example(ops.qr, (MATRIX,)),
    "slogdet": Example(lambda x: ops.slogdet(_spd(x)), (MATRIX,)),
    "solve": Example(lambda x, y: ops.solve(_spd(x), y), (MATRIX, MATRIX)),
    "solve_triangular": Example(
        lambda x, y: ops.solve_triangular(ops.cholesky(_spd(x)), y, lower=True), (MATRIX, MATRIX)
    ),
    "svd": Example(ops.svd, (MATRIX,)),
    # Signals and complex numbers
    "fft": Example(lambda x, y: ops.fft((x, y)), COMPLEX),
    "fft2": Example(lambda x, y: ops.fft2((x, y)), COMPLEX),
    "ifft2": Example(lambda x, y: ops.ifft2((x, y)), COMPLEX),
    "rfft": Example(ops.rfft, (SERIES,)),
    "irfft": Example(lambda x, y: ops.irfft((x, y)), (Values((9,)), Values((9,)))),
    "stft": Example(lambda x: ops.stft(x, 8, 4, 8), (SERIES,)),
    "istft": Example(lambda x, y: ops.istft((x, y), 8, 4, 8), (Values((5, 5)), Values((5, 5)))),
    "extract_sequences": Example(lambda x: ops.extract_sequences(x, 8, 4), (SERIES,)),
    "view_as_complex": Example(lambda x: ops.abs(ops.view_as_complex(x)), (Values((4, 2)),)),
    "view_as_real": Example(lambda x: ops.view_as_real(ops.view_as_complex(x)), (Values((4, 2)),)),
    "polar": Example(lambda x, y: ops.real(ops.polar(x, y)), (POSITIVE, X)),
    # Networks
    "adaptive_average_pool": Example(lambda x: ops.adaptive_average_pool(x, (4, 4)), (IMAGE,)),
    "adaptive_max_pool": Example(lambda x: ops.adaptive_max_pool(x, (4, 4)), (IMAGE,)),
    "average_pool": Example(lambda x: ops.average_pool(x, 2), (IMAGE,)),
    "max_pool": Example(lambda x: ops.max_pool(x, 2), (IMAGE,)),
    "batch_normalization": Example(
        lambda x: ops.batch_normalization(x, _constant(3), np.array([1.0, 2.0, 0.5], "float32"), axis=-1), (IMAGE,)
    ),
    "binary_crossentropy": Example(ops.binary_crossentropy, (PROBABILITIES, PROBABILITIES)),
    "categorical_crossentropy": Example(ops.categorical_crossentropy, (PROBABILITIES, PROBABILITIES)),
    "sparse_categorical_crossentropy": Example(
        lambda x, y: ops.sparse_categorical_crossentropy(ops.reshape(x, (-1,)), y),
        (Values((1,), 0, 3, "int32"), PROBABILITIES),
    ),
    "conv": Example(lambda x: ops.conv(x, _constant(3, 3, 3, 2), padding="same"), (IMAGE,)),
    "conv_transpose": Example(
        lambda x: ops.conv_transpose(x, ops.convert_to_tensor(_constant(3, 3, 2, 3)), strides=2), (IMAGE,)
    ),
    "depthwise_conv": Example(lambda x: ops.depthwise_conv(x, _constant(3, 3, 3, 1)), (IMAGE,)),
    "separable_conv": Example(lambda x: ops.separable_conv(x, _constant(3, 3, 3, 1), _constant(1, 1, 3, 2)), (IMAGE,)),
    "ctc_decode": Example(
        lambda x, n: ops.ctc_decode(x, ops.reshape(n, (-1,))), (Values((4, 5)), Values((1,), 4, 4, "int32"))
    ),
    "ctc_loss": Example(
        lambda x, y, m, n: ops.ctc_loss(x, y, ops.reshape(m, (-1,)), ops.reshape(n, (-1,))),
        (Values((2,), 1, 4, "int32"), Values((4, 5)), Values((1,), 2, 2, "int32"), Values((1,), 4, 4, "int32")),
    ),
    "depth_to_space": Example(lambda x: ops.depth_to_space(x, 2), (Values((4, 4, 8)),)),
    "space_to_depth": Example(lambda x: ops.space_to_depth(x, 2), (IMAGE,)),
    "dot_product_attention": Example(lambda x: ops.dot_product_attention(x, x, x), (Values((5, 2, 4)),)),
    "fold": Example(lambda x: ops.fold(x, (4, 4), 2, stride=2), (Values((12, 4)),)),
    "unfold": Example(lambda x: ops.unfold(x, 2, stride=2), (Values((3, 4, 4)),)),
    "glu": Example(ops.glu, (X,)),
    "multi_hot": Example(lambda x: ops.multi_hot(x, 5), (INT,)),
    "one_hot": Example(lambda x: ops.one_hot(x, 5), (INT,)),
    "psnr": Example(lambda x, y: ops.psnr(x, y, 1.0), (IMAGE, IMAGE)),
    "threshold": Example(lambda x: ops.threshold(x, 0.5, 0.1), (X,)),
    # Images
    "image.affine_transform": Example(
        lambda x: ops.image.affine_transform(x, np.array([1.0, 0.1, 0.5, -0.1, 1.0, 0.2, 0.0, 0.0], "float32")),
        (IMAGE,),
    ),
    "image.crop_images": Example(
        lambda x: ops.image.crop_images(x, top_cropping=1, left_cropping=2, target_height=4, target_width=4), (IMAGE,)
    ),
    "image.elastic_transform": Example(ops.image.elastic_transform, (IMAGE,)),
    "image.extract_patches": Example(lambda x: ops.image.extract_patches(x, (2, 2)), (IMAGE,)),
    "image.extract_patches_3d": Example(lambda x: ops.image.extract_patches_3d(x, (2, 2, 2)), (Values((4, 4, 4, 1)),)),
    "image.gaussian_blur": Example(ops.image.gaussian_blur, (IMAGE,)),
    "image.hsv_to_rgb": Example(ops.image.hsv_to_rgb, (IMAGE,)),
    "image.map_coordinates": Example(
        lambda x: ops.image.map_coordinates(ops.mean(x, axis=0), _constant(2, 5, seed=3) + 1.5, order=1), (X,)
    ),
    "image.pad_images": Example(lambda x: ops.image.pad_images(x, 1, 2, target_height=11, target_width=12), (IMAGE,)),
    "image.perspective_transform": Example(
        lambda x: ops.image.perspective_transform(
            x,
            np.array([[[0, 0], [7, 0], [0, 7], [7, 7]]] * 2, "float32"),
            np.array([[[0, 1], [7, 0], [0, 7], [6, 7]]] * 2, "float32"),
        ),
        (IMAGE,),
    ),
    "image.resize": Example(lambda x: ops.image.resize(x, (5, 6)), (IMAGE,)),
    "image.rgb_to_grayscale": Example(ops.image.rgb_to_grayscale, (IMAGE,)),
    "image.rgb_to_hsv": Example(ops.image.rgb_to_hsv, (IMAGE,)),
    "image.scale_and_translate": Example(
        lambda x: ops.image.scale_and_translate(
            x, (2, 6, 6, 3), np.array([0.75, 0.75], "float32"), np.array([0.0, 0.0], "float32"), (1, 2), "linear"
        ),
        (IMAGE,),
    ),
    "image.sobel_edges": Example(ops.image.sobel_edges, (IMAGE,)),
    "image.ssim": Example(lambda x, y: ops.image.ssim(x, y, 1.0, filter_size=5), (IMAGE, IMAGE)),
    # Functions of functions
    "map": Example(lambda x: ops.map(ops.square.resolve(), x), (X,)),
    "vectorized_map": Example(lambda x: ops.vectorized_map(ops.square.resolve(), x), (X,)),
    "cond": Example(lambda x: ops.cond(ops.max(x) > 1.0, lambda: ops.ones((3, 4)), lambda: ops.zeros((3, 4))), (X,)),
    "switch": Example(lambda x: ops.switch(0, [ops.square.resolve(), ops.abs.resolve()], x), (X,)),
    "scan": Example(lambda x: ops.scan(lambda carry, v: (carry + v, carry), ops.zeros((3, 4)), x), (X,)),
    "associative_scan": Example(lambda x: ops.associative_scan(ops.add.resolve(), x), (X,)),
    "fori_loop": Example(lambda x: ops.fori_loop(0, 3, lambda i, v: v + 1.0, x), (X,)),
    "while_loop": Example(lambda x: ops.while_loop(lambda v: ops.max(v) < 5.0, lambda v: (v + 1.0,), (x,)), (X,)),
    "custom_gradient": Example(lambda x: ops.custom_gradient(lambda v: (v, lambda g: g))(x), (X,)),
    "jvp": Example(lambda x: ops.jvp(ops.square.resolve(), (x,), (x,)), (X,)),
    "vectorize": Example(lambda x: ops.vectorize(ops.square.resolve())(x), (X,)),
    "convert_to_numpy": Example(ops.convert_to_numpy, (X,)),
}

_NO_BUILTIN_OPERATOR = """
    bincount bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or cholesky cholesky_inverse cross
    ctc_decode cumprod det diagonal eig eigh erfinv fft fft2 i0 ifft2 image.affine_transform image.hsv_to_rgb
    image.perspective_transform image.rgb_to_hsv in_top_k inv irfft istft left_shift logdet lstsq lu_factor
    matrix_rank nancumprod nextafter nonzero pinv polar qr searchsorted slogdet solve solve_triangular svd unfold
"""
_CANNOT_BE_TRACED = """
    conv_transpose corrcoef histogram isin kron nanmedian nanpercentile nanquantile view_as_complex view_as_real
"""
_RUN_FUNCTIONS = "associative_scan cond jvp map scan switch vectorized_map"

#: What edgekit refuses, with a part of the reason.
REFUSED: dict[str, str] = {
    **dict.fromkeys(_NO_BUILTIN_OPERATOR.split(), "has no builtin form in TFLite"),
    **dict.fromkeys(_CANNOT_BE_TRACED.split(), "cannot trace operation"),
    **dict.fromkeys(_RUN_FUNCTIONS.split(), "runs a Python function"),
    "image.elastic_transform": "draws random numbers",
}

#: What Keras 3.15 itself does not record in a functional model, or does not save.
NOT_SAVED_BY_KERAS = frozenset({"convert_to_numpy", "custom_gradient", "fori_loop", "vectorize", "while_loop"})

#: The public functions whose symbolic call is that of another one, which a refusal names.
OTHER_NAMES = {"view_as_real": "view_as_complex"}
