/** A stretch of a line as the line reader sees it, always as high. As `imaging/strips.py`. */

import { type Ink, plane, roundEven, shrink, stretch } from "./image.ts";

export const STRIP_HEIGHT_PX = 32;
export const DIGIT_HEIGHT_PX = 22; // of a typical digit in a strip
export const MARGIN_PX = 4; // of paper on the left, and at least so much on the right
export const WIDTH_STEP_PX = 16; // a strip is as many of these wide
export const MAX_WIDTH_PX = 384; // longer ones are no run of digits that touch
export const FRAME_PX = 2; // from one frame of the line reader to the next

/** Ink, fitted into a strip. */
export interface Strip {
  readonly ink: Ink;
  /** The row that the ink begins in. */
  readonly top: number;
  readonly numRows: number;
  /** How many columns the ink has here; the first comes after the margin. */
  readonly numColumns: number;
}

/**
 * Fit ink, which has no margin, into a strip: a digit of `digit_px` becomes 22 px high, or less
 * where that is too high. The ink lies in the middle of its height, 4 px from the left.
 */
export function asStrip(ink: Ink, digit_px: number): Strip {
  const scale = Math.min(DIGIT_HEIGHT_PX / digit_px, (STRIP_HEIGHT_PX - 2) / ink.height);
  const height = Math.min(Math.max(1, roundEven(ink.height * scale)), STRIP_HEIGHT_PX);
  const width = Math.max(1, roundEven(ink.width * scale));
  const resize = scale < 1 ? shrink : stretch;
  const small = resize(ink, width, height);
  const steps = Math.ceil((width + 2 * MARGIN_PX) / WIDTH_STEP_PX);
  const strip = plane(steps * WIDTH_STEP_PX, STRIP_HEIGHT_PX);
  const top = (STRIP_HEIGHT_PX - height) >> 1;
  for (let y = 0; y < height; y++) {
    const row = small.data.subarray(y * width, (y + 1) * width);
    strip.data.set(row, (top + y) * strip.width + MARGIN_PX);
  }
  return { ink: strip, top, numRows: height, numColumns: width };
}
