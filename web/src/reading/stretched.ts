/** Digits that were stretched until they filled a square. As Python's `imaging/stretched.py`. */

import { type Ink, shrink } from "./image.ts";

export const WIDTHS = [0.8, 0.6, 0.45]; // beside the whole: few digits are narrower, but for 1s
const INK = 0.2;
const NEAR = 16; // a side is reached within such a part of its length

/** Whether the ink of a picture of one digit fills a square to all four sides. */
export function isStretched({ width, height, data }: Ink): boolean {
  if (width !== height) return false;
  const near = 1 + Math.floor(height / NEAR);
  let [left, right, top, bottom] = [false, false, false, false];
  data.forEach((value, index) => {
    if (value <= INK) return;
    const [x, y] = [index % width, Math.floor(index / width)];
    left ||= x < near;
    right ||= x >= width - near;
    top ||= y < near;
    bottom ||= y >= height - near;
  });
  return left && right && top && bottom;
}

/** The same at a share of its width. */
export function narrowed(ink: Ink, width: number): Ink {
  return shrink(ink, Math.max(1, Math.round(ink.width * width)), ink.height);
}
