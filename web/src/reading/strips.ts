/** A stretch of a line as the line reader sees it, always as high. As `imaging/strips.py`. */

import { type Ink, plane, roundEven, shrink, stretch } from "./image.ts";

export const STRIP_HEIGHT_PX = 32;
export const DIGIT_HEIGHT_PX = 22; // of a typical digit in a strip
export const MARGIN_PX = 4; // of paper at either side
export const MAX_WIDTH_PX = 384; // longer ones are no run of digits that touch

/**
 * Fit ink, which has no margin, into a strip: a digit of `digit_px` becomes 22 px high, or less
 * where that is too high. `scale` is how many pixels of the strip one of the ink makes.
 */
export function asStrip(ink: Ink, digit_px: number): { strip: Ink; scale: number } {
  const scale = Math.min(DIGIT_HEIGHT_PX / digit_px, (STRIP_HEIGHT_PX - 2) / ink.height);
  const height = Math.min(Math.max(1, roundEven(ink.height * scale)), STRIP_HEIGHT_PX);
  const width = Math.max(1, roundEven(ink.width * scale));
  const resize = scale < 1 ? shrink : stretch;
  const small = resize(ink, width, height);
  const strip = plane(width + 2 * MARGIN_PX, STRIP_HEIGHT_PX);
  const top = (STRIP_HEIGHT_PX - height) >> 1;
  for (let y = 0; y < height; y++) {
    const row = small.data.subarray(y * width, (y + 1) * width);
    strip.data.set(row, (top + y) * strip.width + MARGIN_PX);
  }
  return { strip, scale: width / ink.width };
}
