"""Weights taken back out of a graph: the network that gets them computes the same."""

from pathlib import Path

import keras
import numpy as np
import pytest

from inkdigits.models import zoo
from inkdigits.models.graph import put_weights_of


def graph_of(network: keras.Model, path: Path) -> bytes:
    network(np.zeros((1, 28, 28), np.float32))  # Keras exports only what was called
    network.export(path, format="onnx", verbose=False)
    return path.read_bytes()


def unlike_fresh(network: keras.Model) -> keras.Model:
    """The same network, and no mean 0, variance 1, scale 1 or bias 0 in it."""
    random = np.random.default_rng(2)
    network.set_weights(
        [
            weight + random.uniform(0.1 if weight.ndim == 1 else -0.3, 0.3, weight.shape)
            for weight in network.get_weights()
        ]
    )
    return network


@pytest.mark.parametrize("name", ["mlp", "lenet5", "convnet", "residual", "tiny", "micro"])
def test_a_network_made_anew_computes_the_same(name: str, tmp_path: Path):
    network = unlike_fresh(zoo.build_network(name, rejects=True))
    anew = zoo.build_network(name, rejects=True)
    glyphs = np.random.default_rng(3).random((20, 28, 28), np.float32)
    assert not np.allclose(anew.predict_on_batch(glyphs), network.predict_on_batch(glyphs))
    put_weights_of(graph_of(network, tmp_path / "graph.onnx"), anew)
    found, expected = anew.predict_on_batch(glyphs), network.predict_on_batch(glyphs)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert np.ptp(expected, axis=0).min() > 0


@pytest.mark.parametrize("other", ["mlp", "lenet5", "tiny"])
def test_the_graph_of_another_network_is_refused(other: str, tmp_path: Path):
    graph = graph_of(zoo.build_network("convnet"), tmp_path / "graph.onnx")
    with pytest.raises(ValueError, match="."):
        put_weights_of(graph, zoo.build_network(other))
