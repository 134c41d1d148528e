/** Strings of labels, against all ways to spell them written out. As tests/test_strings.py. */

import { describe, expect, test } from "vitest";
import {
  BLANK,
  type Frames,
  greedy,
  type Labels,
  likely,
  logAddExp,
  logProbability,
  logSoftmax,
  where,
} from "../src/reading/strings.ts";

const NUM_LABELS = 4;
const NONE = 3; // no digit: the last label
const CASES = Array.from({ length: 30 }, (_, seed) => ({ seed, numFrames: 1 + (seed % 5) }));

function framesOf(seed: number, numFrames: number): Frames {
  const random = normal(seed);
  const frame = (): number[] => Array.from({ length: NUM_LABELS }, () => 2 * random());
  return logSoftmax(Array.from({ length: numFrames }, frame));
}

/** Normal numbers of a seed: mulberry32, then Box and Muller. */
function normal(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/**
 * What a way of frames says: of equal ones in a row one, and no blanks. What is no digit goes on
 * over blanks.
 */
function spelled(way: Labels): Labels {
  const labels = way
    .filter((label, at) => label !== way[at - 1])
    .filter((label) => label !== BLANK);
  return labels.filter((label, at) => label !== NONE || labels[at - 1] !== NONE);
}

/** The probability of each string, summed over all ways of all frames. */
function allStrings(frames: Frames): { string: Labels; probability: number }[] {
  let ways: { way: Labels; sum: number }[] = [{ way: [], sum: 0 }];
  for (const frame of frames) {
    ways = ways.flatMap(({ way, sum }) =>
      Array.from(frame, (value, label) => ({ way: [...way, label], sum: sum + value })),
    );
  }
  const found = new Map<string, { string: Labels; probability: number }>();
  for (const { way, sum } of ways) {
    const string = spelled(way);
    const before = found.get(string.join())?.probability ?? 0;
    found.set(string.join(), { string, probability: before + Math.exp(sum) });
  }
  return [...found.values()];
}

/** Frames in which one label each is said. */
const said = (way: Labels, sure: number): number[][] =>
  way.map((label) => Array.from({ length: NUM_LABELS }, (_, of) => (of === label ? sure : 0)));

describe.each(CASES)("frames of seed $seed", ({ seed, numFrames }) => {
  const frames = framesOf(seed, numFrames);
  const every = allStrings(frames);

  test("a string is as probable as all its ways", () => {
    for (const { string, probability } of every) {
      expect(Math.exp(logProbability(frames, string))).toBeCloseTo(probability, 12);
    }
  });

  test("the search finds the most probable string", () => {
    const [found] = likely(frames, 1);
    const best = Math.max(...every.map(({ probability }) => probability));
    // With so few strings the beam holds nearly all that matter.
    expect(Math.exp(logProbability(frames, found!))).toBeGreaterThanOrEqual(0.95 * best);
  });
});

test("what has no way has no probability", () => {
  expect(logProbability(framesOf(0, 3), [1, 1, 1])).toBe(-Infinity); // two blanks are wanting
});

test("no digit said twice is one", () => {
  const frames = logSoftmax(said([3, 0, 3, 0, 1, 3, 0], 8));
  const string = [NONE, 1, NONE];
  expect(greedy(frames)).toEqual(string);
  expect(likely(frames, 1)).toEqual([string]);
  expect(Math.exp(logProbability(frames, string))).toBeGreaterThan(0.98);
  expect(where(frames, string)).toEqual([1, 4, 5]);
});

test("the empty string is all blanks", () => {
  const frames = framesOf(1, 4);
  const blanks = frames.reduce((sum, frame) => sum + frame[BLANK]!, 0);
  expect(logProbability(frames, [])).toBeCloseTo(blanks, 12);
});

test("the search gives no string twice, the most probable first, and no more than asked", () => {
  const frames = framesOf(7, 3);
  const found = likely(frames, 5);
  expect(new Set(found.map((string) => string.join())).size).toBe(5);
  const probabilities = found.map((string) => logProbability(frames, string));
  expect(probabilities).toEqual([...probabilities].sort((one, other) => other - one));
});

test("greedy takes each frame for itself", () => {
  const way = [0, 2, 2, 0, 2, 3, 3, 1];
  expect(greedy(said(way, 1))).toEqual([2, 2, 3, 1]);
});

test("each label stands where it is said", () => {
  const frames = logSoftmax(said([0, 1, 1, 1, 0, 0, 2, 0, 2, 0], 8));
  expect(where(frames, [1, 2, 2])).toEqual([2, 6, 8]);
  expect(where(frames, [])).toEqual([]);
});

test("a string that must squeeze has places from left to right", () => {
  expect(where(framesOf(3, 5), [1, 2, 1, 2, 1])).toEqual([0, 1, 2, 3, 4]);
});

test("a temperature flattens", () => {
  const [sharp] = logSoftmax([[4, 0, 0, 0]]);
  const [flat] = logSoftmax([[4, 0, 0, 0]], 2);
  expect(sharp!.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 12);
  expect(flat![0]).toBeLessThan(sharp![0]!);
});

test("sums of logarithms, infinite ones too", () => {
  expect(logAddExp(Math.log(2), Math.log(3))).toBeCloseTo(Math.log(5), 12);
  expect(logAddExp(-Infinity, -2)).toBe(-2);
  expect(logAddExp(-Infinity, -Infinity)).toBe(-Infinity);
});
