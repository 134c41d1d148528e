"""Digits that we draw ourselves, for training and tests without a download."""

from inkdigits.synthesis.strokes import draw_digit, synthetic_digits

__all__ = ["draw_digit", "synthetic_digits"]
