"""The networks and what stands in front of them: Keras 3, ``keras.ops`` only, on any backend."""

# Of the networks in ``zoo``, to be known without Keras.
NAMES = (
    "mlp",
    "lenet5",
    "convnet",
    "residual",
    "deep_residual",
    "wide_residual",
    "plain3",
    "plain5",
    "plain7",
    "wide_plain3",
    "wide_plain5",
    "wide_plain7",
    "tiny",
    "micro",
)
LINE_READER = "lines"  # of ``lines``: it reads strips of digits that touch, and not single ones
STROKE_FINDER = "strokes"  # of ``strokes``: it says what was written on a page
PARTS = {LINE_READER: "line reader", STROKE_FINDER: "stroke finder"}  # beside one of those
