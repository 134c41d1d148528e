"""The weights of a network, taken back out of the graph in a bundle.

A graph holds what a network computes, not what it was trained as: batch normalisation is folded
into the kernels before it, and what is left of it is a bias.
"""

from collections.abc import Iterator
from itertools import islice

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

_AXES = {layers.Conv2D: (2, 3, 1, 0), layers.DepthwiseConv2D: (2, 3, 0, 1), layers.Dense: (0, 1)}
"""Where the axes of a Keras kernel are in ONNX: of convolutions (out, in, rows, columns)."""


def put_weights_of(graph: bytes, network: keras.Model) -> None:
    """Give a network the weights of its graph.

    Args:
        graph: an ONNX model, exported from a network of the same layers.
        network: one of ``zoo.NETWORKS``; its batch normalisations become mere biases.

    Raises:
        ValueError: the graph has other weights.
    """
    found = _weights(graph)
    for layer in (layer for layer in network.layers if layer.weights):
        first = next(found, None)
        if first is None:
            raise ValueError(f"it ends before {layer.name}")
        if isinstance(layer, layers.BatchNormalization):
            unchanged = np.zeros_like(first), np.full_like(first, 1 - layer.epsilon)
            scale = [np.ones_like(first)] if layer.scale else []
            layer.set_weights([*scale, first, *unchanged])
        else:
            biases = islice(found, len(layer.weights) - 1)
            layer.set_weights([first.transpose(_AXES[type(layer)]), *biases])
    if next(found, None) is not None:
        raise ValueError("it has more weights")


def _weights(graph: bytes) -> Iterator[NDArray[np.float32]]:
    """Kernels and biases, in the order in which they are used."""
    import onnx

    model = onnx.load_from_string(graph)
    values = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
    for node in model.graph.node:
        for name in node.input if node.op_type in ("Conv", "MatMul", "Gemm", "Add") else ():
            value = values.get(name)
            if value is not None and value.dtype == np.float32 and value.ndim in (1, 2, 4):
                yield value
