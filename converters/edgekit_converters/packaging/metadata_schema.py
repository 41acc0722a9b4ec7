"""Names for the numbers of the TFLite Metadata schema: fields of its tables, members of its enums.

Made by tests/data/schema/make_schema.py from the schema in tflite-support; do not edit it by hand.
"""


class ModelMetadata:
    """Field numbers of the table."""

    NAME = 0
    DESCRIPTION = 1
    VERSION = 2
    SUBGRAPH_METADATA = 3
    AUTHOR = 4
    LICENSE = 5
    ASSOCIATED_FILES = 6
    MIN_PARSER_VERSION = 7


class SubGraphMetadata:
    """Field numbers of the table."""

    NAME = 0
    DESCRIPTION = 1
    INPUT_TENSOR_METADATA = 2
    OUTPUT_TENSOR_METADATA = 3
    ASSOCIATED_FILES = 4
    INPUT_PROCESS_UNITS = 5
    OUTPUT_PROCESS_UNITS = 6
    INPUT_TENSOR_GROUPS = 7
    OUTPUT_TENSOR_GROUPS = 8
    CUSTOM_METADATA = 9


class TensorMetadata:
    """Field numbers of the table."""

    NAME = 0
    DESCRIPTION = 1
    DIMENSION_NAMES = 2
    CONTENT = 3
    PROCESS_UNITS = 4
    STATS = 5
    ASSOCIATED_FILES = 6


class Content:
    """Field numbers of the table."""

    CONTENT_PROPERTIES_TYPE = 0
    CONTENT_PROPERTIES = 1
    RANGE = 2


class ImageProperties:
    """Field numbers of the table."""

    COLOR_SPACE = 0
    DEFAULT_SIZE = 1


class ImageSize:
    """Field numbers of the table."""

    WIDTH = 0
    HEIGHT = 1


class ProcessUnit:
    """Field numbers of the table."""

    OPTIONS_TYPE = 0
    OPTIONS = 1


class NormalizationOptions:
    """Field numbers of the table."""

    MEAN = 0
    STD = 1


class AssociatedFile:
    """Field numbers of the table."""

    NAME = 0
    DESCRIPTION = 1
    TYPE = 2
    LOCALE = 3
    VERSION = 4


class AssociatedFileType:
    """Values of the enum."""

    UNKNOWN = 0
    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2
    TENSOR_VALUE_LABELS = 3
    TENSOR_AXIS_SCORE_CALIBRATION = 4
    VOCABULARY = 5
    SCANN_INDEX_FILE = 6


class ColorSpaceType:
    """Values of the enum."""

    UNKNOWN = 0
    RGB = 1
    GRAYSCALE = 2


class ContentProperties:
    """Values of the enum."""

    NONE = 0
    FeatureProperties = 1
    ImageProperties = 2
    BoundingBoxProperties = 3
    AudioProperties = 4


class ProcessUnitOptions:
    """Values of the enum."""

    NONE = 0
    NormalizationOptions = 1
    ScoreCalibrationOptions = 2
    ScoreThresholdingOptions = 3
    BertTokenizerOptions = 4
    SentencePieceTokenizerOptions = 5
    RegexTokenizerOptions = 6
