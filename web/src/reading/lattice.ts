/** Where one digit ends and the next begins, by the network's own probabilities. As `lattice.py`. */

import type { LineAtoms } from "./segment.ts";
import { bestPath, runShares } from "./split.ts";

// In nats: how much more probable another way must be to make up for it.
const PER_DIGIT = 0.05;
const PER_CUT_STROKE = 0.8;
const NO_DIGIT = 4; // and again for each digit's width
const SKIP = 4;
const LEAST = 1e-6;
const DIGIT_WIDTH = 0.7; // in heights
const SHARPNESS = 2; // the neighbours of a cut tell of each other, so their sum says too little
const ALIKE = 0.6; // runs that share so much of their boxes are the same digit

/** The digits of one line. */
export interface Choice {
  /** Which of the line's candidates they are, left to right. */
  readonly runs: readonly number[];
  /** How sure it is that the ink is cut rightly there; 1 for what is not cut. */
  readonly certainty: readonly number[];
}

/** Choose the digits of a line, given the probabilities of all its candidates. */
export function choose(line: LineAtoms, judged: readonly Float64Array[]): Choice {
  const { runs, segments, boxes, height_px } = line;
  const cut = [0, ...line.cutStrokes, 0].map((strokes) => (strokes * PER_CUT_STROKE) / 2);
  const values = judged.map((row) => argmax(row.subarray(0, -1)));
  const costs = runs.map(([first, last], index) => {
    const row = judged[index]!;
    const digit = -Math.log(Math.max(row[values[index]!]!, LEAST)) + PER_DIGIT;
    const none = -Math.log(Math.max(row.at(-1)!, LEAST));
    // By width, so that one wide run does not cost less than the two that it is made of.
    const width = segments[index]!.box[2] / height_px;
    const cuts = cut[first]! + cut[last + 1]!;
    return Math.min(
      (digit + cuts) * (0.3 + 0.7 * width),
      none + NO_DIGIT * Math.max(1, width / DIGIT_WIDTH) + cuts,
    );
  });
  const areas = boxes.map((box) => box[2] * box[3]);
  const skips = areas.map((area) => SKIP * Math.min(1, 0.1 + (4 * area) / height_px ** 2));
  const path = bestPath(boxes.length, runs, costs, skips);
  const sharp = (values: readonly number[]): number[] => values.map((value) => SHARPNESS * value);
  const shares = runShares(boxes.length, runs, sharp(costs), sharp(skips));
  const area = (first: number, last: number): number =>
    areas.slice(first, Math.max(last + 1, first)).reduce((sum, value) => sum + value, 0);
  const certainty = path.map((chosen) => {
    const [first, last] = runs[chosen]!;
    if (!cut[first] && !cut[last + 1]) return 1;
    const alike = runs.map(([start, end], index) => {
      if (values[index] !== values[chosen]) return 0;
      const both = area(Math.max(first, start), Math.min(last, end));
      const either = area(first, last) + area(start, end) - both;
      return both >= ALIKE * either ? shares[index]! : 0;
    });
    return Math.min(
      alike.reduce((sum, share) => sum + share, 0),
      1,
    );
  });
  return { runs: path, certainty };
}

function argmax(values: Float64Array): number {
  return values.indexOf(Math.max(...values));
}
