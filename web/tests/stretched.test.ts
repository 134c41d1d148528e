/** Digits that were stretched until they filled a square. */

import { beforeAll, expect, test } from "vitest";
import { Network } from "../src/network.ts";
import { atAnyWidth, ruleOf } from "../src/reading/decide.ts";
import type { Ink } from "../src/reading/image.ts";
import { readDigits } from "../src/reading/reader.ts";
import { isStretched, narrowed } from "../src/reading/stretched.ts";
import { shippedBundle, useWasm } from "./files.ts";

// A drawn 1 with its flag, in a bitmap of 16 × 16: a row of bits each.
const ONE = "007c 03fe 3ffe 7ffe 03fc 07f8 0ff0 1ff0 1fe0 3fc0 3fc0 3f80 3f80 3f80 3fc0 0f80".split(
  " ",
);
const { model, manifest } = shippedBundle();
let network: Network;

beforeAll(async () => {
  useWasm();
  network = await Network.open(model);
});

/** With so much paper about it. */
function one(paper: number): Ink {
  const side = 16 + 2 * paper;
  const data = new Float32Array(side * side);
  ONE.forEach((row, y) => {
    [...parseInt(row, 16).toString(2).padStart(16, "0")].forEach((bit, x) => {
      data[(y + paper) * side + x + paper] = Number(bit);
    });
  });
  return { width: side, height: side, data };
}

test("the ink of a square that it fills to all four sides was stretched", () => {
  const corners = (width: number, height: number): Ink => {
    const data = new Float32Array(width * height);
    data[0] = data[width * height - 1] = 1;
    return { width, height, data };
  };
  expect(isStretched(corners(16, 16))).toBe(true);
  expect(isStretched(corners(15, 16))).toBe(false);
  expect(isStretched(one(0))).toBe(true);
  expect(isStretched(one(2))).toBe(false);
});

test("narrowing keeps height and darkness", () => {
  const mean = ({ data }: Ink): number => data.reduce((sum, value) => sum + value, 0) / data.length;
  const narrow = narrowed(one(0), 0.45);
  expect([narrow.width, narrow.height]).toEqual([7, 16]);
  expect(mean(narrow)).toBeCloseTo(mean(one(0)), 5);
});

test("what several widths say is put together as Python does it", () => {
  const sure = [0.01, 0.9, ...new Array<number>(9).fill(0.01)];
  const some = [0.1, 0.5, 0.05, 0.05, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.22];
  const none = [0.05, 0.1, 0.05, 0.05, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.67];
  const zero = [0.7, 0.1, 0.05, 0.05, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.02];
  const put = (...rows: number[][]): [number[], number] => {
    const { together, surest } = atAnyWidth(rows.map((row) => Float64Array.from(row)));
    return [[...together].map((value) => Math.round(value * 1e4) / 1e4), surest];
  };
  const python = [0.105, 0.65, 0.03, 0.03, 0.015, 0.015, 0.01, 0.01, 0.01, 0.01, 0.115];
  expect(put(none, sure, some)).toEqual([python, 1]);
  const [doubted, surest] = put(zero, [0.05, 0.6, ...sure.slice(2, 10), 0.27], some);
  expect(surest).toBe(0);
  expect(doubted[0]! - doubted[1]!).toBeLessThan(0.01); // the 1s speak against it
});

test("a stretched 1 is read, and what is shown is the narrower one", async () => {
  const rule = ruleOf(manifest);
  const [stretched, paper] = await readDigits([one(0), one(5)], rule, network.run);
  expect([stretched!.value, stretched!.status]).toEqual(["1", "ok"]);
  expect(stretched!.confidence).toBeCloseTo(0.9008, 3); // as Python's
  expect(paper!.value).not.toBe("1");
  const inked = (glyph: Float32Array): number => glyph.filter((value) => value > 0.5).length;
  expect(inked(stretched!.glyph)).toBeLessThan(0.7 * inked(paper!.glyph));
});
