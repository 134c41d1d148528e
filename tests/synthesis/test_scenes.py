"""Pictures in which nothing is written."""

import numpy as np
import pytest

from inkdigits.synthesis.scenes import synthetic_scene


@pytest.mark.parametrize("shape", [(60, 200), (200, 60), (150, 150)])
def test_shape_and_dtype(shape: tuple[int, int]) -> None:
    picture = synthetic_scene(np.random.default_rng(0), *shape)
    assert picture.shape == (*shape, 3)
    assert picture.dtype == np.uint8


def test_same_state_same_scene() -> None:
    for seed in range(6):
        one, other = (synthetic_scene(np.random.default_rng(seed), 80, 90) for _ in range(2))
        np.testing.assert_array_equal(one, other)


def test_scenes_differ_and_show_something() -> None:
    scenes = [synthetic_scene(np.random.default_rng(seed), 100, 100) for seed in range(30)]
    contrast = np.array([np.ptp(np.quantile(scene, [0.02, 0.98])) for scene in scenes])
    assert np.median(contrast) > 20
    means = np.array([scene.mean() for scene in scenes])
    assert means.std() > 10
