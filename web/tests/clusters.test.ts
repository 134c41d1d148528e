/**
 * The second look at what stands close together, with a line reader that says what we want. As
 * tests/test_clusters.py; and what strings cost, as tests/test_lattice.py.
 */

import { describe, expect, test } from "vitest";
import { type Mark, readAgain } from "../src/reading/clusters.ts";
import { type Ink, plane } from "../src/reading/image.ts";
import { choose, costOf, costsOf, type Lattice, latticeOf } from "../src/reading/lattice.ts";
import { around, type Box } from "../src/reading/page.ts";
import { clusters, type LineAtoms, type Segment } from "../src/reading/atoms.ts";
import type { Run } from "../src/reading/split.ts";
import { logSoftmax } from "../src/reading/strings.ts";

const NONE = 10;
const HEARD = 30; // nats, against which no cut can say anything

type Opinion = readonly [of: number, probability: number];

/** Atoms in a line 20 px high, with a bar of ink 4 px from the left of each. */
function lineOf(
  boxes: readonly Box[],
  cutStrokes: readonly number[],
  runs: readonly Run[],
): LineAtoms {
  const segment = (first: number, last: number): Segment => {
    const [x, y, width, height] = around(boxes.slice(first, last + 1));
    const left = Math.max(0, x - 1);
    const ink = plane(x + width + 1 - left, height); // with a margin at the sides
    for (const [at] of boxes.slice(first, last + 1)) {
      for (let row = 0; row < height; row++) {
        ink.data.fill(1, row * ink.width + at + 4 - left, row * ink.width + at + 8 - left);
      }
    }
    return { box: [left, y, ink.width, height], ink };
  };
  const segments = runs.map(([first, last]) => segment(first, last));
  return { boxes, cutStrokes, height_px: 20, runs, segments, segment };
}

/** Probabilities of the runs in order; the rest goes to "no digit", or to 8. */
function seenAs(...opinions: Opinion[]): Float64Array[] {
  return opinions.map(([of, probability]) => {
    const row = new Float64Array(11);
    row[of === NONE ? 8 : NONE] = 1 - probability;
    row[of] = probability;
    return row;
  });
}

/** Two pieces of 14 × 20 px that touch, then one that stands apart. */
const TOUCHING = lineOf(
  [
    [0, 0, 14, 20],
    [14, 0, 14, 20],
    [60, 0, 14, 20],
  ],
  [1, 0],
  [
    [0, 0],
    [1, 1],
    [2, 2],
  ],
);

/** Read the line again; the line reader says the labels, so many nats before anything else. */
async function read(
  opinions: Opinion[],
  labels: number[],
  nats = HEARD,
): Promise<{ found: Mark[]; marks: Mark[]; asked: Ink[] }> {
  return readJudged(seenAs(...opinions), labels, nats);
}

async function readJudged(
  judged: Float64Array[],
  labels: number[],
  nats = HEARD,
  line = TOUCHING,
  letter = 0,
): Promise<{ found: Mark[]; marks: Mark[]; asked: Ink[] }> {
  const asked: Ink[] = [];
  const choice = choose(line, judged, 0);
  const marks = choice.runs.map((run): Mark => {
    const { box, ink } = line.segments[run]!;
    const [probabilities, glyph] = [judged[run]!, new Float32Array(784)];
    return { box, ink, probabilities, certainty: 1, glyph, isDoubted: false };
  });
  const speak = async (strip: Ink): Promise<Float64Array[]> => {
    asked.push(strip);
    const numFrames = Math.ceil(strip.width / 2);
    const logits = Array.from({ length: numFrames }, () => [
      nats,
      ...new Array<number>(11).fill(0),
    ]);
    labels.forEach((label, index) => {
      const step = labels.length > 1 ? (numFrames - 7) / (labels.length - 1) : 0;
      const frame = logits[Math.round(3 + index * step)]!;
      frame[0] = 0;
      frame[label] = nats;
    });
    return [...logSoftmax(logits)];
  };
  return {
    found: await readAgain(line, choice, marks, new Float64Array(marks.length).fill(letter), speak),
    marks,
    asked,
  };
}

const values = (marks: readonly Mark[]): number[] =>
  marks.map(({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)));

const doubts = (marks: readonly Mark[]): boolean[] => marks.map(({ isDoubted }) => isDoubted);

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

const SURE: Opinion = [7, 0.999];

describe("a second look", () => {
  test("about a clear digit that stands apart, nobody is asked", async () => {
    const { found, marks, asked } = await read([[2, 0.6], [6, 0.999], SURE], [3 + 1, 6 + 1]);
    expect(asked.length).toBe(1); // about the two that touch
    expect(values(found)).toEqual([3, 6, 7]);
    expect(found[2]).toBe(marks[2]);
  });

  test("about what stands among letters, nobody is asked", async () => {
    const judged = seenAs([2, 0.6], [6, 0.7], SURE);
    const { found, marks, asked } = await readJudged(judged, [3 + 1, 5 + 1], HEARD, TOUCHING, 0.95);
    expect(asked.length).toBe(0);
    expect(found).toEqual(marks);
  });

  test.each([
    [0.05, [10, 7]],
    [0, [2, 6, 7]],
  ])("in what is surely a number, no digit is struck out: %d", async (letter, expected) => {
    const judged = seenAs([2, 0.6], [6, 0.6], SURE);
    const { found } = await readJudged(judged, [10 + 1], HEARD, TOUCHING, letter);
    expect(values(found)).toEqual(expected);
    expect(found[0]!.isDoubted).toBe(true);
  });

  test("two witnesses are surer than one", async () => {
    const { found, marks } = await read([[2, 0.7], [6, 0.9], SURE], [2 + 1, 6 + 1]);
    expect(values(found)).toEqual([2, 6, 7]);
    expect(values(marks)).toEqual([2, 6, 7]);
    for (const { probabilities } of found) {
      expect(Math.max(...probabilities)).toBeGreaterThan(0.99);
      expect(sum(probabilities)).toBeCloseTo(1, 3);
    }
    expect(doubts(found)).toEqual([false, false, false]);
  });

  test("what only the line reader sees is doubted", async () => {
    const { found } = await read([[2, 0.6], [6, 0.7], SURE], [3 + 1, 5 + 1]);
    expect(doubts(found)).toEqual([true, true, false]);
  });

  test.each([
    [9, [2, 6, 7]],
    [16, [9, 6, 7]],
  ])("another opinion on clear digits is doubt, a strong one counts: %d nats", async (nats, as) => {
    const { found } = await read([[2, 0.999], [6, 0.999], SURE], [9 + 1, 6 + 1], nats);
    expect(values(found)).toEqual(as);
    expect(doubts(found)).toEqual([true, true, false]);
  });

  test("a digit that clear cuts left out is put in", async () => {
    const { found } = await read([[8, 0.999], [8, 0.999], SURE], [8 + 1, 1 + 1, 8 + 1]);
    expect(values(found)).toEqual([8, 1, 8, 7]);
  });

  test("clear cuts outweigh a weak opinion", async () => {
    const { found, marks, asked } = await read([[2, 0.989], [6, 0.989], SURE], [3 + 1, 6 + 1], 3);
    expect(asked.length).toBe(1);
    expect(values(found)).toEqual(values(marks));
  });

  test("what was left out is asked about too", async () => {
    // Two pieces that the lattice would rather leave out than take for anything.
    const tenth = new Float64Array(11).fill(0.1, 0, 10);
    const { found, asked } = await readJudged([tenth, tenth, ...seenAs([7, 1])], [4 + 1]);
    expect(asked.length).toBe(1);
    expect(values(found)).toEqual([4, 7]);
  });

  test("about a speck that was left out, nobody is asked", async () => {
    const boxes: Box[] = [
      [0, 0, 14, 7], // lower than 0.4 of 20 px
      [60, 0, 14, 20],
    ];
    const { found, asked } = await readJudged(
      seenAs(SURE),
      [4 + 1],
      HEARD,
      lineOf(boxes, [0], [[1, 1]]),
    );
    expect(asked.length).toBe(0);
    expect(values(found)).toEqual([7]);
  });

  test("where the line reader sees nothing, the marks stay, and are doubted", async () => {
    const { found, marks } = await read([[NONE, 0.6], [2, 0.6], SURE], []);
    expect(found).toEqual(marks.map((mark, index) => ({ ...mark, isDoubted: index < 2 })));
    for (const { probabilities } of found) expect(probabilities.length).toBe(11);
  });

  test("a digit more may be found", async () => {
    const opinions: Opinion[] = [[NONE, 0.6], [NONE, 0.6], SURE];
    const { found } = await read(opinions, [1 + 1, 4 + 1, 5 + 1]);
    expect(values(found)).toEqual([1, 4, 5, 7]);
  });

  test("boxes lie where the ink lies", async () => {
    const { found } = await read([[2, 0.6], [6, 0.7], SURE], [3 + 1, 5 + 1]);
    const [left, right] = [found[0]!.box, found[1]!.box];
    expect(Math.abs(left[0] - 4)).toBeLessThanOrEqual(1);
    expect(Math.abs(left[0] + left[2] - 8)).toBeLessThanOrEqual(1);
    expect(Math.abs(right[0] - 18)).toBeLessThanOrEqual(1);
    expect([left[1], left[3]]).toEqual([0, 20]);
  });

  test("what a rival string says is shown too", async () => {
    const { found } = await read([[2, 0.6], [6, 0.7], SURE], [3 + 1, 6 + 1]);
    const of = found[0]!.probabilities;
    expect(values(found)[0]).toBe(3);
    expect(of[2]).toBeGreaterThan(0);
    expect(Math.abs(sum(of) - 1)).toBeLessThan(0.2);
  });

  test("the glyph is what was looked at: the square around the digit", async () => {
    const { found } = await read([[2, 0.6], [6, 0.7], SURE], [3 + 1, 5 + 1]);
    const { glyph, ink } = found[0]!;
    expect(glyph.length).toBe(784);
    expect([ink.width, ink.height]).toEqual([32, 32]);
    const mean = (data: Float32Array): number =>
      data.reduce((sum, value) => sum + value) / data.length;
    expect(mean(glyph)).toBeCloseTo(mean(ink.data), 5);
    expect(mean(glyph)).toBeGreaterThan(0);
  });
});

/** Atoms of 8 px in a row, each `gaps` px from the one before. */
function row(gaps: readonly number[]): Box[] {
  let x = 0;
  return gaps.map((gap, index): Box => [(x += index ? 8 + gap : 0), 0, 8, 20]);
}

test("clusters are what stands close together", () => {
  const of = (...gaps: number[]): Run[] => clusters({ boxes: row(gaps), height_px: 20 });
  expect(of(0, 1, 0, 1)).toEqual([[0, 3]]);
  expect(of(0, 0, 8, 0)).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

describe("what a string costs", () => {
  const lattice = (spans: Run[], cuts: number[], ...opinions: Opinion[]): Lattice => {
    const numAtoms = cuts.length + 1;
    const boxes = row(new Array<number>(numAtoms).fill(0));
    return latticeOf(lineOf(boxes, cuts, spans), seenAs(...opinions), 4);
  };
  /** Two digits that touch, 2 and 6, or a pair that is no digit. */
  const TWO = lattice(
    [
      [0, 0],
      [1, 1],
      [0, 1],
    ],
    [1],
    [2, 0.9],
    [6, 0.8],
    [NONE, 0.9],
  );
  const EACH: Run[] = [
    [0, 0],
    [1, 1],
    [2, 2],
  ];

  test("the best string costs what the best path costs", () => {
    const costs = costsOf(TWO);
    expect(costOf(TWO, [2, 6], 0, 1)).toBeCloseTo(costs[0]! + costs[1]!, 12);
  });

  test("another string costs more", () => {
    const best = costOf(TWO, [2, 6], 0, 1);
    for (const other of [[2, 5], [2], [undefined]]) {
      expect(costOf(TWO, other, 0, 1)).toBeGreaterThan(best);
      expect(costOf(TWO, other, 0, 1)).toBeLessThan(Infinity);
    }
  });

  test("more digits than there are pieces cannot be", () => {
    expect(costOf(TWO, [2, 6, 1], 0, 1)).toBe(Infinity);
  });

  test("what is no digit may be in several pieces", () => {
    const { asNone, asDigit, skip, ...rest } = lattice(
      EACH,
      [0, 0],
      [NONE, 0.9],
      [NONE, 0.9],
      SURE,
    );
    const two = asNone[0]! + asNone[1]!;
    const one = Math.min(asNone[0]! + skip[1]!, skip[0]! + asNone[1]!);
    expect(costOf({ asNone, asDigit, skip, ...rest }, [undefined, 7], 0, 2)).toBeCloseTo(
      Math.min(one, two) + asDigit[2]![7]!,
      12,
    );
  });

  test("a part of a line is explained by itself", () => {
    const part = lattice(EACH, [0, 0], [1, 0.9], [2, 0.9], [3, 0.9]);
    expect(costOf(part, [2], 1, 1)).toBeCloseTo(part.asDigit[1]![2]!, 12);
    expect(costOf(part, [], 1, 1)).toBeCloseTo(part.skip[1]!, 12);
  });
});
