/** Where one digit ends and the next begins, by the network's own probabilities. As `lattice.py`. */

import type { LineAtoms } from "./atoms.ts";
import { sumOf } from "./image.ts";
import { bestPath, type Run, runShares } from "./split.ts";

// In nats: how much more probable another way must be to make up for it.
const PER_DIGIT = 0.05;
const PER_CUT_STROKE = 0.8;
const NO_DIGIT = 4; // and again for each digit's width; less among such
const SKIP = 4;
const LEAST = 1e-6;
const DIGIT_WIDTH = 0.7; // in heights
const SHARPNESS = 2; // the neighbours of a cut tell of each other, so their sum says too little
const ALIKE = 0.6; // runs that share so much of their boxes are the same digit
const WIDEST = 1.1; // in heights, of a piece that may be one letter
const LOWEST = 0.4; // ... and no speck
const PRIOR = 8; // so many pieces more speak of a line, as its page has them; of a page, all digits

/** What each way to explain the atoms of a line costs, in nats. */
export interface Lattice {
  /** First and last atom of each run. */
  readonly spans: readonly Run[];
  /** For each run, that it is this digit. */
  readonly asDigit: readonly (readonly number[])[];
  /** For each run, that it is no digit. */
  readonly asNone: readonly number[];
  /** For each atom, that it is left out. */
  readonly skip: readonly number[];
}

/** The digits of one line. */
export interface Choice {
  /** Which of the line's candidates they are, left to right. */
  readonly runs: readonly number[];
  /** How sure it is that the ink is cut rightly there; 1 for what is not cut. */
  readonly certainty: readonly number[];
  /** What they were chosen from. */
  readonly lattice: Lattice;
}

/** Weigh the runs of a line, given the probabilities of each, and what one that is none costs. */
export function latticeOf(
  line: LineAtoms,
  judged: readonly Float64Array[],
  noDigit: number,
): Lattice {
  const { runs, segments, boxes, height_px } = line;
  const cut = [0, ...line.cutStrokes, 0].map((strokes) => (strokes * PER_CUT_STROKE) / 2);
  const cuts = runs.map(([first, last]) => cut[first]! + cut[last + 1]!);
  const improbable = (probability: number): number => -Math.log(Math.max(probability, LEAST));
  // By width, so that one wide run does not cost less than the two that it is made of.
  const widths = segments.map((segment) => segment.box[2] / height_px);
  return {
    spans: runs,
    asDigit: judged.map((row, index) =>
      Array.from(
        row.subarray(0, -1),
        (value) => (improbable(value) + PER_DIGIT + cuts[index]!) * (0.3 + 0.7 * widths[index]!),
      ),
    ),
    asNone: judged.map(
      (row, index) =>
        improbable(row.at(-1)!) +
        noDigit * Math.max(1, widths[index]! / DIGIT_WIDTH) +
        cuts[index]!,
    ),
    skip: boxes.map(
      ([, , width, height]) => SKIP * Math.min(1, 0.1 + (4 * width * height) / height_px ** 2),
    ),
  };
}

/** The cost of each run, as whatever it most probably is. */
export function costsOf({ asDigit, asNone }: Lattice): number[] {
  return asNone.map((none, index) => Math.min(none, ...asDigit[index]!));
}

/**
 * The least cost of explaining the atoms from `first` to `last` by a string of classes; undefined
 * is what is no digit, however many runs of it. Infinite if there is no such way.
 */
export function costOf(
  { spans, asDigit, asNone, skip }: Lattice,
  string: readonly (number | undefined)[],
  first: number,
  last: number,
): number {
  // Of the atoms and labels explained so far.
  const best = [[0, ...string.map(() => Infinity)]];
  for (let atom = first; atom <= last; atom++) {
    const here = best.at(-1)!.map((cost) => cost + skip[atom]!);
    spans.forEach(([start, end], run) => {
      if (end !== atom || start < first) return;
      const before = best[start - first]!;
      string.forEach((label, index) => {
        const isNone = label === undefined;
        const price = isNone ? asNone[run]! : asDigit[run]![label]!;
        // What is no digit may go on.
        const way = isNone ? Math.min(before[index]!, before[index + 1]!) : before[index]!;
        here[index + 1] = Math.min(here[index + 1]!, way + price);
      });
    });
    best.push(here);
  }
  return best.at(-1)!.at(-1)!;
}

/**
 * The pieces that nobody cut say how common it is on a line that something is no digit. Among
 * letters, an n is not to be two strokes that look like 1s.
 */
export function noneSharesOf(
  lines: readonly LineAtoms[],
  judged: readonly (readonly Float64Array[])[],
): number[] {
  const counts = lines.map((line, number) => {
    const pieces = judged[number]!.filter((_, index) => isPiece(line, index));
    return { all: pieces.length, none: pieces.filter((row) => row.at(-1)! > 0.5).length };
  });
  const total = (name: "all" | "none"): number =>
    counts.reduce((sum, count) => sum + count[name], 0);
  const ofPage = total("none") / (total("all") + PRIOR);
  return counts.map(({ all, none }) => (none + PRIOR * ofPage) / (all + PRIOR));
}

/** Whether a run is all of what hangs together, and of a size that one mark has. */
function isPiece({ runs, segments, cutStrokes, height_px }: LineAtoms, index: number): boolean {
  const [first, last] = runs[index]!;
  const [, , width, height] = segments[index]!.box;
  return (
    !cutStrokes[first - 1] &&
    !cutStrokes[last] &&
    cutStrokes.slice(first, last).every((strokes) => strokes > 0) &&
    width <= WIDEST * height_px &&
    height >= LOWEST * height_px
  );
}

/** Choose the digits of a line, given the probabilities of its candidates, and how common no digit is. */
export function choose(
  line: LineAtoms,
  judged: readonly Float64Array[],
  noneShare: number,
): Choice {
  const { runs, boxes, cutStrokes } = line;
  const lattice = latticeOf(line, judged, -Math.log(Math.max(noneShare, Math.exp(-NO_DIGIT))));
  const costs = costsOf(lattice);
  const path = bestPath(boxes.length, runs, costs, lattice.skip);
  const sharp = (values: readonly number[]): number[] => values.map((value) => SHARPNESS * value);
  const shares = runShares(boxes.length, runs, sharp(costs), sharp(lattice.skip));
  const values = judged.map((row) => argmax(row.subarray(0, -1)));
  const areas = boxes.map((box) => box[2] * box[3]);
  const area = (first: number, last: number): number =>
    sumOf(areas.slice(first, Math.max(last + 1, first)));
  const certainty = path.map((chosen) => {
    const [first, last] = runs[chosen]!;
    if (!cutStrokes[first - 1] && !cutStrokes[last]) return 1;
    const alike = runs.map(([start, end], index) => {
      if (values[index] !== values[chosen]) return 0;
      const both = area(Math.max(first, start), Math.min(last, end));
      const either = area(first, last) + area(start, end) - both;
      return both >= ALIKE * either ? shares[index]! : 0;
    });
    return Math.min(sumOf(alike), 1);
  });
  return { runs: path, certainty, lattice };
}

function argmax(values: Float64Array): number {
  return values.indexOf(Math.max(...values));
}
