/** A second look at digits that touch, without cutting them apart. As `clusters.py`. */

import { GLYPH_PX, type Ink, plane, roundEven, shrink } from "./image.ts";
import { type Choice, costOf } from "./lattice.ts";
import type { Box } from "./page.ts";
import { clusters, type LineAtoms } from "./segment.ts";
import type { Run } from "./split.ts";
import { type Frames, type Labels, likely, logAddExp, logProbability, where } from "./strings.ts";
import { asStrip, MARGIN_PX, MAX_WIDTH_PX } from "./strips.ts";

const FRAME_PX = 2; // of the strip, from one of the line reader's frames to the next
const NUM_STRINGS = 8;
const MOST_COST = 12; // nats: more than this, the cuts cannot speak against a string
const INKED = 0.3;

/** A piece of ink, and what it probably is. */
export interface Mark {
  readonly box: Box;
  /** Of each class, and last that it is no digit. */
  readonly probabilities: Float64Array;
  /** From 0 to 1, how sure it is that this is one piece. */
  readonly certainty: number;
  /** What was looked at: 28 × 28, and the ink that became it. */
  readonly glyph: Float32Array;
  readonly ink: Ink;
}

/** What the line reader says of a strip: log-probabilities of blank, of each class, of no digit. */
export type Speak = (strip: Ink) => Promise<Frames>;

/**
 * Ask the line reader where the cuts leave doubt: where a mark is less probable than `threshold`.
 * Gives the marks of the line, left to right; those that nobody doubts are the same.
 */
export async function readAgain(
  line: LineAtoms,
  choice: Choice,
  marks: readonly Mark[],
  speak: Speak,
  threshold: number,
): Promise<Mark[]> {
  const spans = choice.runs.map((run) => choice.lattice.spans[run]!);
  const result: Mark[] = [];
  for (const [first, last] of stretches(line, spans)) {
    const before = marks.filter((_, index) => {
      const [start] = spans[index]!;
      return first <= start && start <= last;
    });
    if (before.every((mark) => isSure(mark, threshold))) result.push(...before);
    else result.push(...(await judged(line, choice, before, [first, last], speak)));
  }
  return result;
}

/** Whether a mark is one certain digit. */
function isSure({ probabilities, certainty }: Mark, threshold: number): boolean {
  return Math.max(...probabilities.subarray(0, -1)) * certainty >= threshold;
}

/** First and last atom of what stands close together, no digit being cut by its ends. */
function stretches(line: LineAtoms, spans: readonly Run[]): Run[] {
  const found: Run[] = [];
  const every = [...clusters(line), ...spans];
  for (const [first, last] of every.sort((one, other) => one[0] - other[0] || one[1] - other[1])) {
    const before = found.at(-1);
    if (before && first <= before[1]) found.splice(-1, 1, [before[0], Math.max(before[1], last)]);
    else found.push([first, last]);
  }
  return found;
}

async function judged(
  line: LineAtoms,
  choice: Choice,
  before: Mark[],
  [first, last]: Run,
  speak: Speak,
): Promise<Mark[]> {
  const { box, ink } = line.segment(first, last);
  const zoom = ink.width / box[2];
  const { strip, scale } = asStrip(ink, line.height_px * zoom);
  if (strip.width > MAX_WIDTH_PX) return before;
  const spoken = await speak(strip);
  const numClasses = spoken[0]!.length - 2;
  const known = labelsOf(before, numClasses);
  const strings = distinct([known, ...likely(spoken, NUM_STRINGS)]);
  const scores = strings.map((string) => scoreOf(string, spoken, choice, [first, last]));
  const best = scores.indexOf(Math.max(...scores));
  if (strings[best] === known) return before;
  const total = scores.reduce((sum, score) => logAddExp(sum, score));
  const shares = scores.map((score) => Math.exp(score - total));
  return placed(strings, shares, best, spoken, box, strip, scale * zoom);
}

/** How much speaks for a string, in nats: the line reader's word, weighed against the cuts'. */
function scoreOf(string: Labels, spoken: Frames, { lattice }: Choice, [first, last]: Run): number {
  const numClasses = spoken[0]!.length - 2;
  const classes = string.map((label) => (label > numClasses ? undefined : label - 1));
  const cost = costOf(lattice, classes, first, last);
  return logProbability(spoken, string) - Math.min(cost, MOST_COST);
}

function labelsOf(marks: readonly Mark[], numClasses: number): Labels {
  const labels: number[] = [];
  for (const { probabilities } of marks) {
    const isNone = probabilities.at(-1)! > 0.5;
    const ofDigits = probabilities.subarray(0, -1);
    const label = isNone ? numClasses + 1 : ofDigits.indexOf(Math.max(...ofDigits)) + 1;
    if (!(isNone && labels.at(-1) === label)) labels.push(label);
  }
  return labels;
}

/** Strings without those that came before. */
function distinct(strings: readonly Labels[]): Labels[] {
  const found = new Map<string, Labels>();
  for (const string of strings) if (!found.has(string.join())) found.set(string.join(), string);
  return [...found.values()];
}

/** The marks of the best string; a rival of the same length speaks for other digits. */
function placed(
  strings: readonly Labels[],
  shares: readonly number[],
  best: number,
  spoken: Frames,
  box: Box,
  strip: Ink,
  scale: number,
): Mark[] {
  const string = strings[best]!;
  const numClasses = spoken[0]!.length - 2;
  const middle = where(spoken, string).map((frame) => (frame + 0.5) * FRAME_PX); // px of the strip
  const between = middle.slice(1).map((right, index) => (middle[index]! + right) / 2);
  const edges = [0, ...between, strip.width];
  return string.map((_, index) => {
    const probabilities = new Float64Array(numClasses + 1);
    strings.forEach((other, number) => {
      if (other.length !== string.length) return;
      const of = other[index]! - 1;
      probabilities[of] = probabilities[of]! + shares[number]!;
    });
    const ink = around(strip, middle[index]!);
    return {
      box: boxOf(box, strip, edges[index]!, edges[index + 1]!, scale),
      probabilities,
      certainty: 1,
      glyph: shrink(ink, GLYPH_PX, GLYPH_PX).data,
      ink,
    };
  });
}

/** Around the ink between two columns of the strip, in pixels of the ink. */
function boxOf(
  [x, y, width, height]: Box,
  strip: Ink,
  left: number,
  right: number,
  scale: number,
): Box {
  const start = Math.trunc(left);
  const end = Math.max(Math.ceil(right), start + 1);
  let [x0, y0, x1, y1] = [end, strip.height, start, 0];
  for (let row = 0; row < strip.height; row++) {
    for (let column = start; column < Math.min(end, strip.width); column++) {
      if (strip.data[row * strip.width + column]! <= INKED) continue;
      x0 = Math.min(x0, column);
      x1 = Math.max(x1, column + 1);
      y0 = Math.min(y0, row);
      y1 = row + 1;
    }
  }
  if (y1 === 0) [x0, y0, x1, y1] = [start, 0, end, strip.height];
  const top = Math.floor((strip.height - roundEven(height * scale)) / 2);
  const within = (place: number, most: number): number =>
    roundEven(Math.min(Math.max(place / scale, 0), most));
  const [fromLeft, toRight] = [within(x0 - MARGIN_PX, width), within(x1 - MARGIN_PX, width)];
  const [fromTop, toBottom] = [within(y0 - top, height), within(y1 - top, height)];
  return [
    x + fromLeft,
    y + fromTop,
    Math.max(1, toRight - fromLeft),
    Math.max(1, toBottom - fromTop),
  ];
}

/** The square around a digit, as it was looked at, with paper beyond the strip. */
function around(strip: Ink, middle: number): Ink {
  const side = strip.height;
  const square = plane(side, side);
  const left = roundEven(middle + side / 2) - side; // of the strip
  const [start, end] = [Math.max(left, 0), Math.min(left + side, strip.width)];
  for (let y = 0; y < side; y++) {
    const row = strip.data.subarray(y * strip.width + start, y * strip.width + end);
    square.data.set(row, y * side + start - left);
  }
  return square;
}
