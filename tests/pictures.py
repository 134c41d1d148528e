"""How pictures are made of ink, and how two inks are compared."""

import cv2
import numpy as np


def on_paper(ink: np.ndarray, paper: float | np.ndarray, pen: float = 0.1) -> np.ndarray:
    """Lay ink on paper of a brightness in [0, 255]; the pen lets through a share of the light."""
    return np.rint(paper * (1 - (1 - pen) * ink)).astype(np.uint8)


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Of the strokes and their surroundings: the paper far away must not flatter."""
    near = cv2.dilate(np.maximum(one, other), np.ones((5, 5), np.uint8)) > 0.1
    return float(np.abs(one - other)[near].mean())


def photographed(picture: np.ndarray, seed: int, noise: float = 5) -> np.ndarray:
    """A picture of (H, W, 3), a little out of focus, with a sensor's noise, as JPEG."""
    grain = np.random.default_rng(seed).normal(0, noise, picture.shape)
    seen = np.clip(cv2.GaussianBlur(picture.astype(np.float64), (0, 0), 0.6) + grain, 0, 255)
    jpeg = cv2.imencode(".jpg", seen.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
