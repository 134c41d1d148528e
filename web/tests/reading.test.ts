/** The parts of reading that golden files do not reach; values worked out by hand. */

import { expect, test } from "vitest";
import { decide, judge, linesTemperature, probabilities, ruleOf } from "../src/reading/decide.ts";
import type { Manifest, Output, Rule } from "../src/reading/decide.ts";
import {
  components,
  distances,
  median,
  plane,
  quantile,
  shrink,
  stretch,
} from "../src/reading/image.ts";
import { oneLine, readingOrder } from "../src/reading/layout.ts";
import { noneSharesOf } from "../src/reading/lattice.ts";
import { findMarks, groups, isCutOff, typicalHeight } from "../src/reading/marks.ts";
import type { Mark } from "../src/reading/marks.ts";
import { makePage } from "../src/reading/page.ts";
import type { Box } from "../src/reading/page.ts";
import type { LineAtoms } from "../src/reading/atoms.ts";
import { readInk } from "../src/reading/reader.ts";
import { bestPath, runShares } from "../src/reading/split.ts";
import { digit } from "./digits.ts";

const rule: Rule = { temperature: 1, threshold: 0.9, classes: "0123456789", rejects: true };
const box: Box = [0, 0, 10, 20];

function output(logits: Record<number, number>, novelty: number): Output {
  const all = Float32Array.from({ length: 10 }, (_, index) => logits[index] ?? -20);
  return { glyph: new Float32Array(784), logits: all, novelty };
}

test("two equal logits share what novelty leaves", () => {
  const judged = probabilities(output({ 4: 1, 9: 1 }, 0), rule); // novelty 0: one half is none
  expect(judged[4]).toBeCloseTo(0.25);
  expect(judged[9]).toBeCloseTo(0.25);
  expect(judged[10]).toBeCloseTo(0.5);
});

test("statuses: sure, not sure, no digit", () => {
  expect(decide(output({ 7: 9 }, -9), box, rule).status).toBe("ok");
  const unsure = decide(output({ 4: 2, 9: 2 }, -9), box, rule);
  expect(unsure.status).toBe("review");
  expect([unsure.value, unsure.alternatives[0]!.value]).toEqual(["4", "9"]);
  expect(decide(output({ 7: 9 }, 3), box, rule).status).toBe("reject");
  expect(decide(output({ 7: 9 }, -9), box, rule, 0.5).status).toBe("review"); // unsure of the cut
});

test("what is doubted is never ok, however probable it is", () => {
  const sure = probabilities(output({ 7: 9 }, -9), rule);
  expect(judge(sure, box, rule).status).toBe("ok");
  expect(judge(sure, box, rule, 1, true)).toEqual({ ...judge(sure, box, rule), status: "review" });
  const none = probabilities(output({ 7: 9 }, 3), rule);
  expect(judge(none, box, rule, 1, true).status).toBe("reject");
});

test("a line reader's temperature is a positive number", () => {
  const manifest = (temperature: number): Manifest => ({
    name: "mine",
    classes: "01",
    calibration: { temperature: 1, dial: [] },
    lines: { calibration: { temperature } },
    members: {},
  });
  expect(linesTemperature(manifest(1.5))).toBe(1.5);
  for (const wrong of [0, -1, NaN, Infinity]) {
    expect(() => linesTemperature(manifest(wrong))).toThrow(/mine has no temperature/);
  }
});

test("the dial takes the laxest setting that is strict enough", () => {
  const dial = [0.02, 0.005, 0.002].map((max_error, index) => ({
    max_error,
    threshold: [0, 0.7, 0.95][index]!,
    share_answered: 1,
  }));
  const manifest: Manifest = {
    name: "",
    classes: "01",
    calibration: { temperature: 2, dial },
    members: {},
  };
  expect(ruleOf(manifest, 0.01).threshold).toBe(0.7);
  expect(ruleOf(manifest).threshold).toBe(0.95);
  expect(() => ruleOf(manifest, 0.001)).toThrow(/cannot promise/);
});

/** Pieces of 10 × 20 px in a row. */
function pieces(count: number): LineAtoms {
  const ink = { width: 10, height: 20, data: new Float32Array(200) };
  const numbers = Array.from({ length: count }, (_, index) => index);
  const boxes = numbers.map((index) => [10 * index, 0, 10, 20] as const);
  return {
    runs: numbers.map((index) => [index, index] as const),
    segments: boxes.map((box) => ({ box, ink })),
    boxes,
    cutStrokes: numbers.slice(1).map(() => 0),
    height_px: 20,
    segment: () => ({ box: boxes[0]!, ink }),
  };
}

const judgedAs = (...digits: number[]): Float64Array[] =>
  digits.map((digit) => Float64Array.of(digit, 1 - digit));

test("how common no digit is follows from the uncut pieces of line and page", () => {
  const shares = noneSharesOf([pieces(2), pieces(2)], [judgedAs(1, 0), judgedAs(1, 1)]);
  [1, 0].forEach((none, index) => {
    expect(shares[index]!).toBeCloseTo((none + 8 / 12) / 10, 10);
  });
});

test("a page leaves out what was rejected, and is as bad as its worst digit", () => {
  const page = makePage(
    [[digit("ok", "4"), digit("reject", "7")], [digit("reject")], [digit("ok", "2")]],
    "m",
    1,
  );
  expect([page.text, page.status]).toEqual(["4\n2", "reject"]);
  expect(makePage([], "m", 1).status).toBe("blank");
});

test("components: corners connect with 8 neighbours, not with 4", () => {
  const mask = { width: 3, height: 3, data: Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1) };
  expect(components(mask, 8).count).toBe(1);
  expect(components(mask, 4).count).toBe(3);
});

test("shrinking keeps the mean; stretching keeps what is even", () => {
  const ramp = { width: 6, height: 4, data: Float32Array.from({ length: 24 }, (_, at) => at) };
  const small = shrink(ramp, 3, 2);
  expect([...small.data]).toEqual([3.5, 5.5, 7.5, 15.5, 17.5, 19.5]); // means of 2 × 2
  const odd = shrink(ramp, 4, 3);
  expect(odd.data.reduce((sum, value) => sum + value, 0) / 12).toBeCloseTo(11.5);
  const even = stretch({ width: 2, height: 2, data: new Float32Array(4).fill(0.5) }, 5, 7);
  expect(even.data.every((value) => value === 0.5)).toBe(true);
});

test("distances: 0.955 a step, 1.3693 across a corner", () => {
  const data = new Uint8Array(25).fill(1);
  data[0] = 0;
  const away = distances({ width: 5, height: 5, data }).data;
  expect(away[4]).toBeCloseTo(4 * 0.955, 3);
  expect(away[24]).toBeCloseTo(4 * 1.3693, 3);
});

test("medians and quantiles are NumPy's", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10], 0.9)).toBe(9);
});

test("marks: specks and what lies along the rim are left out", () => {
  const ink = plane(40, 40);
  for (let y = 10; y < 30; y++) ink.data[y * 40 + 20] = ink.data[y * 40 + 21] = 1;
  for (let y = 0; y < 40; y++) ink.data[y * 40] = 1; // the rim
  ink.data[5 * 40 + 35] = 1; // a speck
  const { marks } = findMarks(ink);
  expect(marks.map(({ left, top, right, bottom }) => [left, top, right, bottom])).toEqual([
    [20, 10, 22, 30],
  ]);
});

test("the typical height counts tall marks more", () => {
  const mark = (height: number): Mark => ({
    left: 0,
    top: 0,
    right: 9,
    bottom: height,
    area: 99,
    label: 1,
  });
  expect(typicalHeight([mark(2), mark(2), mark(2), mark(30), mark(40)])).toBe(40);
});

test("groups are the connected parts of a relation", () => {
  expect(groups([1, 2, 10, 3, 11], (one, other) => Math.abs(one - other) === 1)).toEqual([
    [1, 2, 3],
    [10, 11],
  ]);
});

test("reading order: lines from top to bottom, though they tilt", () => {
  const at = (x: number, y: number): Box => [x, y, 20, 30];
  const boxes = [at(0, 0), at(40, 6), at(80, 12), at(0, 60), at(40, 66), at(80, 72)];
  expect(readingOrder([...boxes].reverse())).toEqual([
    [5, 4, 3],
    [2, 1, 0],
  ]);
  expect(oneLine([at(40, 90), at(0, 0)])).toEqual([[1, 0]]);
  expect(readingOrder([])).toEqual([]);
  // Old figures, of which some stand high and some low, on lines that do not tilt.
  const figures = "67,122,62 109,94,66 139,108,37 167,109,36 196,123,64 70,250,35 100,249,36";
  const more = "128,263,64 164,234,65 194,249,36 263,263,64 70,403,64 100,390,35 136,402,61";
  const last = "74,529,36 113,542,61 157,530,35 204,514,66 233,529,36 266,542,62 296,528,37";
  const old = `${figures} ${more} ${last}`.split(" ").map((figure): Box => {
    const [x, y, height] = figure.split(",").map(Number);
    return [x! - 18, y! - Math.floor(height! / 2), 36, height!];
  });
  expect(readingOrder(old).map((line) => line.length)).toEqual([5, 6, 3, 7]);
});

test("the best path, and how much of all ways goes through each run", () => {
  const runs = [
    [0, 0],
    [1, 1],
    [0, 1],
  ] as const;
  expect(bestPath(2, runs, [1, 1, 1.5], [9, 9])).toEqual([2]);
  expect(bestPath(2, runs, [0.5, 0.5, 1.5], [9, 9])).toEqual([0, 1]);
  expect(bestPath(2, runs, [5, 1, 9], [0.1, 9])).toEqual([1]);
  const shares = runShares(2, runs, [1, 1, 2], [Infinity, Infinity]); // two ways, equally good
  shares.forEach((share) => expect(share).toBeCloseTo(0.5));
});

test("strokes that reach the border of a page may go on behind it", () => {
  const ink = plane(20, 20);
  for (let row = 5; row < 20; row++) ink.data[row * 20 + 8] = 1;
  expect(isCutOff([4, 5, 8, 15], ink)).toBe(true);
  expect(isCutOff([4, 5, 8, 14], ink)).toBe(false);
  expect(isCutOff([9, 5, 8, 15], ink)).toBe(false); // its box reaches the border, its strokes do not
});

test("strokes that reach the border are for review, unless nothing goes on behind it", async () => {
  const ink = plane(30, 40);
  for (let row = 12; row < 40; row++) ink.data.fill(1, row * 30 + 14, row * 30 + 17);
  const run = (crops: readonly unknown[]) =>
    Promise.resolve(crops.map(() => output({ 4: 12 }, -20)));
  const options = { areDigits: true, scale: 2 };
  const photographed = await readInk(ink, rule, run, options);
  expect(photographed.digits.map(({ status }) => status)).toEqual(["review"]);
  const whole = await readInk(ink, rule, run, { ...options, isWhole: true });
  expect(whole.digits.map(({ status }) => status)).toEqual(["ok"]);
  expect(whole.digits[0]!.box).toEqual([26, 22, 10, 58]); // with the soft edge, on the page
});

test("the foot of a digit that is cut off is no rim", () => {
  const ink = plane(40, 40);
  for (let row = 14; row < 40; row++) ink.data[row * 40 + 10] = 1;
  for (let column = 10; column < 30; column++) ink.data[39 * 40 + column] = 1;
  expect(findMarks(ink).marks).toHaveLength(1);
  ink.data.fill(0, 0, 38 * 40); // only the last two rows are left: a rim
  expect(findMarks(ink).marks).toHaveLength(0);
});
