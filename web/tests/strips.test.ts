/** A stretch of a line, brought to one height. As tests/imaging/test_strips.py. */

import { expect, test } from "vitest";
import { type Ink, roundEven } from "../src/reading/image.ts";
import {
  asStrip,
  DIGIT_HEIGHT_PX,
  MARGIN_PX,
  STRIP_HEIGHT_PX,
  WIDTH_STEP_PX,
} from "../src/reading/strips.ts";

const full = (width: number, height: number): Ink => ({
  width,
  height,
  data: new Float32Array(width * height).fill(1),
});

/** The rows and columns with ink. */
function inked({ width, height, data }: Ink): { rows: number[]; columns: number[] } {
  const every = [...data.keys()].filter((at) => data[at]! > 0);
  const rows = new Set(every.map((at) => Math.floor(at / width)));
  const columns = new Set(every.map((at) => at % width));
  const ordered = (values: Set<number>): number[] => [...values].sort((one, other) => one - other);
  expect(data.length).toBe(width * height);
  return { rows: ordered(rows), columns: ordered(columns) };
}

test.each([8, 22, 57, 300])("a digit of %i px becomes as high as any", (digit_px) => {
  const { ink, top, numRows, numColumns } = asStrip(full(3 * digit_px, digit_px), digit_px);
  const { rows, columns } = inked(ink);
  expect(rows.length).toBe(DIGIT_HEIGHT_PX);
  expect(columns.length).toBe(3 * DIGIT_HEIGHT_PX);
  expect(rows[0]).toBe((STRIP_HEIGHT_PX - DIGIT_HEIGHT_PX) / 2);
  expect(columns[0]).toBe(MARGIN_PX);
  expect(ink.height).toBe(STRIP_HEIGHT_PX);
  expect(ink.width % WIDTH_STEP_PX).toBe(0);
  const spare = ink.width - (columns.length + 2 * MARGIN_PX);
  expect(spare).toBeGreaterThanOrEqual(0);
  expect(spare).toBeLessThan(WIDTH_STEP_PX);
  expect([top, numRows, numColumns]).toEqual([rows[0], rows.length, columns.length]);
});

test("what is higher than a digit still fits", () => {
  const { rows, columns } = inked(asStrip(full(20, 80), 20).ink);
  expect(rows.length).toBe(STRIP_HEIGHT_PX - 2);
  expect(columns.length).toBe(8); // 7.5, to the even one
});

test.each([
  [1, 1],
  [400, 1],
  [1, 400],
])("a line of %i × %i px is a strip too", (width, height) => {
  const { ink } = asStrip(full(width, height), 20);
  expect(ink.height).toBe(STRIP_HEIGHT_PX);
  expect(Math.max(...ink.data)).toBeGreaterThan(0);
  expect(Math.max(...ink.data)).toBeLessThanOrEqual(1 + 1e-6);
});

test("halves go to the even number, as Python's", () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 7].map(roundEven).map((value) => value + 0)).toEqual([
    0, 2, 2, 0, -2, 2, 7,
  ]);
});
