/**
 * A second look at digits that touch, without cutting them apart: what the line reader says is
 * weighed against what the cuts say. As `clusters.py`.
 */

import { GLYPH_PX, type Ink, plane, roundEven, shrink } from "./image.ts";
import { type Choice, costOf } from "./lattice.ts";
import { around, type Box } from "./page.ts";
import { clusters, type LineAtoms } from "./atoms.ts";
import type { Run } from "./split.ts";
import { type Frames, type Labels, likely, logAddExp, logProbability, where } from "./strings.ts";
import { asStrip, FRAME_PX, MARGIN_PX, MAX_WIDTH_PX, type Strip } from "./strips.ts";

const NUM_STRINGS = 8;
const STROKE = 0.3; // what is fainter does not count for a box
const SMALLEST = 0.4; // of a digit's height: what is lower, and was left out, stays so
const NUMBER = 0.0005; // a stretch is so improbably of letters: it is a number
const LETTERS = 0.9; // a stretch is so probably of letters: the line reader knows only digits
const CLEAR = 0.95; // whatever the dial says: it must not change what is read
const AGREED = 0.99; // the share of a string that both say, from which on it confirms the digits
const UNHEARD = -2; // nats: a string that is less probable to the line reader is doubted
const MOST_COST = 12; // nats: more than this, the cuts cannot speak against a string

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
  /** The line reader sees something else than the cuts, so it is never sure. */
  readonly isDoubted: boolean;
}

/** What the line reader says of a strip: log-probabilities of blank, of each class, of no digit. */
export type Speak = (strip: Ink) => Promise<Frames>;

/**
 * Ask the line reader about what stands close together, and where the cuts leave doubt. Gives the
 * marks of the line, left to right: digits that both see may be surer than before, and what they
 * differ in is doubted. Not about what stands among letters, out of which it would make digits; and
 * in what is surely a number it strikes out none.
 */
export async function readAgain(
  line: LineAtoms,
  choice: Choice,
  marks: readonly Mark[],
  letters: Float64Array,
  speak: Speak,
): Promise<Mark[]> {
  const spans = choice.runs.map((run) => choice.lattice.spans[run]!);
  const result: Mark[] = [];
  for (const [first, last] of stretches(line, spans)) {
    const isInside = ([start]: Run): boolean => first <= start && start <= last;
    const before = marks.filter((_, index) => isInside(spans[index]!));
    const beside = letters.filter((_, index) => isInside(spans[index]!));
    const share = beside.reduce((sum, letter) => sum + letter, 0);
    const isAmongLetters = share > LETTERS * beside.length;
    const [, , , height] = around(line.boxes.slice(first, last + 1));
    const isSpeck = !before.length && height < SMALLEST * line.height_px;
    const isOneClear = first === last && before.length > 0 && isClear(before[0]!);
    if (isSpeck || isOneClear || isAmongLetters) {
      result.push(...before);
      continue;
    }
    const after = await judged(line, choice, before, [first, last], speak);
    const isStruckOut = after.filter(isNone).length > before.filter(isNone).length;
    const isNumber = share < NUMBER * beside.length;
    if (isNumber && isStruckOut) result.push(...before.map(doubted));
    else result.push(...after);
  }
  return result;
}

/** Whether a mark is probably no digit. */
const isNone = ({ probabilities }: Mark): boolean => probabilities.at(-1)! > 0.5;

const doubted = (mark: Mark): Mark => ({ ...mark, isDoubted: true });

/** Whether a mark is so surely one digit that nobody else has to be asked. */
function isClear({ probabilities, certainty }: Mark): boolean {
  return Math.max(...probabilities.subarray(0, -1)) * certainty >= CLEAR;
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
  const { box, ink } = line.segment(first, last, MAX_WIDTH_PX);
  const zoom = ink.width / box[2];
  const strip = asStrip(ink, line.height_px * zoom);
  if (strip.ink.width > MAX_WIDTH_PX) return before;
  const spoken = await speak(strip.ink);
  const numClasses = spoken[0]!.length - 2;
  const known = labelsOf(before, numClasses);
  const strings = distinct([known, ...likely(spoken, NUM_STRINGS)]);
  const said = strings.map((string) => logProbability(spoken, string));
  const costs = against(strings, numClasses, choice, [first, last]);
  const scores = said.map((nats, index) => nats - costs[index]!);
  const total = scores.reduce((sum, score) => logAddExp(sum, score));
  const shares = scores.map((score) => Math.exp(score - total));
  const best = scores.indexOf(Math.max(...scores));
  if (strings[best] === known) {
    if (said[best]! < UNHEARD) return before.map(doubted);
    const share = shares[best]!;
    return share >= AGREED ? before.map((mark) => confirmed(mark, share)) : before;
  }
  if (!strings[best]!.length) return before.map(doubted);
  // What was left out is no digit: nobody has to be told.
  if (!before.length && Math.min(...strings[best]!) > numClasses) return [];
  return placed(strings, shares, best, spoken, box, strip);
}

/**
 * What the cuts say against each string, in nats, compared with the one that suits them best. A
 * label that is no class stands for what is no digit.
 */
function against(
  strings: readonly Labels[],
  numClasses: number,
  { lattice }: Choice,
  [first, last]: Run,
): number[] {
  const costs = strings.map((string) => {
    const classes = string.map((label) => (label > numClasses ? undefined : label - 1));
    return costOf(lattice, classes, first, last);
  });
  const least = Math.min(...costs);
  return costs.map((cost) => Math.min(cost - least, MOST_COST));
}

/** A digit that the line reader sees too is as sure as their string, if it was not surer. */
function confirmed(mark: Mark, share: number): Mark {
  const own = Math.max(...mark.probabilities);
  const index = mark.probabilities.indexOf(own);
  if (index === mark.probabilities.length - 1 || own * mark.certainty >= share) return mark;
  const rest = (1 - share) / Math.max(1 - own, 1e-6);
  const probabilities = mark.probabilities.map((value) => value * rest);
  probabilities[index] = share;
  return { ...mark, probabilities, certainty: 1 };
}

function labelsOf(marks: readonly Mark[], numClasses: number): Labels {
  const labels: number[] = [];
  for (const mark of marks) {
    const ofDigits = mark.probabilities.subarray(0, -1);
    const label = isNone(mark) ? numClasses + 1 : ofDigits.indexOf(Math.max(...ofDigits)) + 1;
    if (!(isNone(mark) && labels.at(-1) === label)) labels.push(label);
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
  strip: Strip,
): Mark[] {
  const string = strings[best]!;
  const numClasses = spoken[0]!.length - 2;
  const middle = where(spoken, string).map((frame) => (frame + 0.5) * FRAME_PX); // px of the strip
  const between = middle.slice(1).map((right, index) => (middle[index]! + right) / 2);
  const edges = [0, ...between, strip.ink.width];
  return string.map((_, index) => {
    const probabilities = new Float64Array(numClasses + 1);
    strings.forEach((other, number) => {
      if (other.length !== string.length) return;
      const of = other[index]! - 1;
      probabilities[of] = probabilities[of]! + shares[number]!;
    });
    const ink = squareOf(strip.ink, middle[index]!);
    const total = probabilities.reduce((sum, share) => sum + share, 0); // the rest is of other lengths
    return {
      box: boxOf(box, strip, edges[index]!, edges[index + 1]!),
      probabilities: probabilities.map((share) => share / total),
      certainty: total,
      glyph: shrink(ink, GLYPH_PX, GLYPH_PX).data,
      ink,
      isDoubted: true,
    };
  });
}

/** Around the ink between two columns of the strip, in pixels of the page's ink. */
function boxOf([x, y, width, height]: Box, strip: Strip, left: number, right: number): Box {
  const { ink, top, numRows, numColumns } = strip;
  const start = Math.trunc(left);
  const end = Math.min(Math.max(Math.ceil(right), start + 1), ink.width);
  let [x0, y0, x1, y1] = [end, ink.height, start, 0];
  for (let row = 0; row < ink.height; row++) {
    for (let column = start; column < end; column++) {
      if (ink.data[row * ink.width + column]! <= STROKE) continue;
      x0 = Math.min(x0, column);
      x1 = Math.max(x1, column + 1);
      y0 = Math.min(y0, row);
      y1 = row + 1;
    }
  }
  if (y1 === 0) [x0, y0, x1, y1] = [start, 0, end, ink.height];
  const across = (column: number): number =>
    roundEven(within(((column - MARGIN_PX) * width) / numColumns, width));
  const down = (row: number): number => roundEven(within(((row - top) * height) / numRows, height));
  const [fromLeft, toRight, fromTop, toBottom] = [across(x0), across(x1), down(y0), down(y1)];
  return [
    x + fromLeft,
    y + fromTop,
    Math.max(1, toRight - fromLeft),
    Math.max(1, toBottom - fromTop),
  ];
}

const within = (place: number, most: number): number => Math.min(Math.max(place, 0), most);

/** The square around a digit, as it was looked at, with paper beyond the strip. */
function squareOf(strip: Ink, middle: number): Ink {
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
