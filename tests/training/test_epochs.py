"""What happens around the epochs of every training."""

import keras
import numpy as np
import pytest

from inkdigits.training.epochs import reseed


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_random_layers_draw_by_seed_and_epoch_and_layer(seed: int):
    ink = keras.Input((None, None))
    x = keras.layers.Dropout(0.5)(keras.layers.GaussianNoise(1.0)(ink))
    model = keras.Model(ink, x)

    def states(epoch: int) -> list[tuple[int, ...]]:
        reseed(model, seed, epoch)
        layers = [layer for layer in model.layers if hasattr(layer, "seed_generator")]
        return [tuple(np.asarray(layer.seed_generator.state).tolist()) for layer in layers]

    assert states(3) == states(3)
    firsts = [first for epoch in range(20) for first, _ in states(epoch)]
    # A generator counts its second number up, so the first one alone must keep epochs apart.
    assert len(set(firsts)) == 40
