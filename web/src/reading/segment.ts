/** Digits from ink: strokes put together to digits, and digits to lines. As `imaging/segment.py`. */

import {
  atomsOf,
  isDigitSized,
  LARGEST_DIGIT,
  type LineAtoms,
  type Segment,
  segment,
  WIDEST_DIGIT,
} from "./atoms.ts";
import { distances, type Ink, median, type Plane } from "./image.ts";
import { oneLine, readingOrder, separators } from "./layout.ts";
import {
  boxOf,
  findMarks,
  groups,
  heightOf,
  type Mark,
  MAX_MARKS,
  typicalHeight,
  widthOf,
  withoutFrames,
} from "./marks.ts";
import { withoutTouchingRows } from "./rows.ts";

// Shares of the typical mark height; see Python for what each one means.
const SPECK = 0.22;
const PART = 0.6;
const BAR = 0.3;
const LONG = 3;
const NEAR = 0.25;
const BESIDE = 0.12;
const MAX_JOINED = 1.7;
const WIDEST_WORD = 30;
const STRAY = 0.35;

/** Find the digits of a page by geometry alone. */
export function findLines(ink: Ink, isOneLine = false): Segment[][] {
  const { labels, marks } = marksOf(ink, strokeWidth(ink), isOneLine);
  const { digits } = digitsOf(marks, WIDEST_DIGIT);
  const boxes = digits.map(boxOf);
  const lines = isOneLine ? oneLine(boxes) : readingOrder(boxes);
  const number = new Map(digits.flatMap((digit, index) => digit.map((m) => [m.label, index + 1])));
  const numbered = { ...labels, data: labels.data.map((label) => number.get(label) ?? 0) };
  return lines.map((line) =>
    line.map((index) => segment(ink, numbered, boxes[index]!, index + 1, index + 1)),
  );
}

/** Find the lines of a page, each taken apart into pieces of digits. */
export function findAtoms(ink: Ink, isOneLine = false): { lines: LineAtoms[]; note: string } {
  const stroke_px = strokeWidth(ink);
  const { labels, marks, numFound, isCrowded } = marksOf(ink, stroke_px, isOneLine);
  const { digits, rest } = digitsOf(marks, WIDEST_WORD);
  const boxes = digits.map(boxOf);
  const order = isOneLine ? oneLine(boxes) : readingOrder(boxes);
  const members = withStrays(
    order.map((line) => line.flatMap((index) => digits[index]!)),
    rest,
  );
  let firstLabel = labels.data.reduce((most, label) => Math.max(most, label), 0) + 1;
  const lines = members.map((line) => {
    const atoms = atomsOf(ink, labels, line, stroke_px, firstLabel);
    firstLabel += atoms.boxes.length;
    return atoms;
  });
  const looked = MAX_MARKS.toLocaleString("en");
  const note = isCrowded
    ? `too many marks: ${numFound.toLocaleString("en")}, of which the ${looked} largest were looked at`
    : "";
  return { lines, note };
}

/** As `findMarks`, those of several rows parted: not on a crowded page, nor in one line. */
function marksOf(
  ink: Ink,
  stroke_px: number,
  isOneLine: boolean,
): { labels: Plane<Int32Array>; marks: readonly Mark[]; numFound: number; isCrowded: boolean } {
  const { labels, marks, numFound } = findMarks(ink);
  const isCrowded = numFound > marks.length;
  const isParted = !isOneLine && !isCrowded;
  return {
    labels,
    marks: isParted ? withoutTouchingRows(ink, labels, marks, stroke_px) : marks,
    numFound,
    isCrowded,
  };
}

/** The strokes of each digit; the marks that are in none. Commas and apostrophes are in neither. */
function digitsOf(all: readonly Mark[], widest: number): { digits: Mark[][]; rest: Mark[] } {
  if (!all.length) return { digits: [], rest: [] };
  const scale_px = typicalHeight(all);
  const frames = new Set(all);
  for (const mark of withoutFrames(all)) frames.delete(mark);
  const strokes = all.filter((mark) => {
    const largest = Math.max(heightOf(mark), widthOf(mark));
    const isLarge = heightOf(mark) > LARGEST_DIGIT * scale_px;
    const isLong = widthOf(mark) > LONG * scale_px && heightOf(mark) < 0.3 * scale_px;
    return largest >= SPECK * scale_px && !isLarge && !isLong && !frames.has(mark);
  });
  const digits = groups(strokes, (one, other) => areOne(one, other, scale_px))
    .flatMap((group) => byRow(group, scale_px))
    .filter((group) => isDigitSized(boxOf(group), scale_px, widest));
  const used = new Set(digits.flat());
  const signs = separators(digits.map(boxOf));
  return {
    digits: digits.filter((_, index) => !signs[index]),
    rest: strokes.filter((mark) => !used.has(mark)),
  };
}

/** Whether two strokes belong to one digit. */
function areOne(one: Mark, other: Mark, scale_px: number): boolean {
  // Of the overlap; a gap where negative.
  const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  const narrower = Math.min(widthOf(one), widthOf(other));
  const lower = Math.min(heightOf(one), heightOf(other));
  const joined = Math.max(one.bottom, other.bottom) - Math.min(one.top, other.top);
  const smaller = Math.min(widthOf(one) * heightOf(one), widthOf(other) * heightOf(other));
  const isAbove = across >= 0.4 * narrower && down >= -NEAR * scale_px && lower < PART * scale_px;
  const isBeside = across >= -BESIDE * scale_px && down >= 0.5 * lower && lower < BAR * scale_px;
  const isWithin = across > 0 && down > 0 && across * down >= 0.5 * smaller;
  return (isAbove || isBeside || isWithin) && joined <= MAX_JOINED * scale_px;
}

/** Part what specks have chained together across rows; each goes to the nearest tall mark. */
function byRow(group: Mark[], scale_px: number): Mark[][] {
  const isTall = (mark: Mark): boolean => heightOf(mark) >= PART * scale_px;
  const top = Math.min(...group.map((mark) => mark.top));
  const bottom = Math.max(...group.map((mark) => mark.bottom));
  const tall = group.filter(isTall);
  if (bottom - top <= MAX_JOINED * scale_px || tall.length < 2) return [group];
  const rows = groups(tall, (one, other) => areOne(one, other, scale_px)).map((row) => ({
    marks: row,
    upper: Math.min(...row.map((mark) => mark.top)),
    lower: Math.max(...row.map((mark) => mark.bottom)),
  }));
  const found = rows.map((row) => [...row.marks]);
  for (const mark of group.filter((one) => !isTall(one))) {
    const gaps = rows.map(({ upper, lower }) => Math.max(mark.top - lower, upper - mark.bottom));
    found[gaps.indexOf(Math.min(...gaps))]!.push(mark);
  }
  return found;
}

/** The marks of each line, and those beside them that no digit has; each on one line only. */
function withStrays(lines: Mark[][], rest: readonly Mark[]): Mark[][] {
  const result = lines.map((line) => [...line]);
  for (const stray of rest) {
    const apart = lines.map((line) => {
      const nearest = line.map((mark) =>
        Math.max(
          Math.max(stray.left, mark.left) - Math.min(stray.right, mark.right),
          2 * (Math.max(stray.top, mark.top) - Math.min(stray.bottom, mark.bottom)),
        ),
      );
      return Math.min(...nearest) / (STRAY * typicalHeight(line));
    });
    const least = Math.min(...apart);
    if (least < 1) result[apart.indexOf(least)]!.push(stray);
  }
  return result;
}

/** The typical width of a stroke. */
function strokeWidth(ink: Ink): number {
  const { width, height } = ink;
  const mask = new Uint8Array(ink.data.length);
  for (let at = 0; at < mask.length; at++) mask[at] = Number(ink.data[at]! > 0.5);
  const depth = distances({ width, height, data: mask }).data;
  const ridge: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = depth[y * width + x]!;
      if (here === 0) continue;
      let most = here;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          most = Math.max(most, depth[row * width + column]!);
        }
      }
      if (most === here) ridge.push(here);
    }
  }
  return ridge.length ? Math.max(1, 2 * median(ridge) - 1) : 1;
}
