/**
 * Digits from ink: strokes put together to digits, and lines into atoms. As `imaging/segment.py` and
 * `imaging/atoms.py`.
 */

import {
  cropped,
  distances,
  type Ink,
  median,
  type Plane,
  plane,
  roundEven,
  shrink,
  stretch,
} from "./image.ts";
import { oneLine, readingOrder } from "./layout.ts";
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
import { around, type Box } from "./page.ts";
import { withoutTouchingRows } from "./rows.ts";
import { pieces, type Run, seams } from "./split.ts";

// Shares of the typical mark height; see Python for what each one means.
const SPECK = 0.22;
const PART = 0.6;
const BAR = 0.3;
const SMALLEST_DIGIT = 0.28;
const LARGEST_DIGIT = 6;
const LONG = 3;
const NEAR = 0.25;
const BESIDE = 0.12;
const MAX_JOINED = 1.7;
const WIDEST_DIGIT = 3;
const WIDEST_WORD = 30;
const STRAY = 0.35;

const MAX_RUN = 6;
const MAX_RUN_WIDTH = 1.5;
const MAX_RUN_GAP = 0.35;
const MIN_CUT_HEIGHT = 0.35;
const CUT_SPACING = 0.12;
const CLOSE = 0.06; // digits that are nearer than this may be one stroke, or overlap
const UNCUT_WIDTH = 0.3;
const CUT_WIDTH = 0.14;
const MAX_CUTS = 40;
const MAX_CUT_STROKES = 4.5;
const CUT_HEIGHT_PX = 72;
const MAX_CUT_ZOOM = 6;

const MAX_CROP_PX = 160;

/** The ink of what is probably one digit; a large one is stored smaller. */
export interface Segment {
  readonly box: Box;
  readonly ink: Ink;
}

/** The pieces of one line from left to right; each digit is a run of them. */
export interface LineAtoms {
  readonly boxes: readonly Box[];
  /** How much ink the cut between an atom and the next goes through, in widths of a stroke. */
  readonly cutStrokes: readonly number[];
  readonly height_px: number;
  readonly runs: readonly Run[];
  /** Every run of atoms that could be a digit. */
  readonly segments: readonly Segment[];
  /**
   * Cut out the atoms from `first` to `last`, both included, as one digit. Its ink is stored smaller
   * if a side is above `maxPx`, by default 160.
   */
  readonly segment: (first: number, last: number, maxPx?: number) => Segment;
}

/** First and last atom of each stretch in which nothing stands clearly apart. */
export function clusters({ boxes, height_px }: Pick<LineAtoms, "boxes" | "height_px">): Run[] {
  const found: Run[] = [];
  let reach = -Infinity;
  boxes.forEach(([x, , width], index) => {
    const before = found.at(-1);
    if (before && x - reach < CLOSE * height_px) found.splice(-1, 1, [before[0], index]);
    else found.push([index, index]);
    reach = Math.max(reach, x + width);
  });
  return found;
}

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

/** The strokes of each digit, as geometry has it; and the marks that are in none. */
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
  return { digits, rest: strokes.filter((mark) => !used.has(mark)) };
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

function isDigitSized(box: Box, scale_px: number, widest = WIDEST_DIGIT): boolean {
  const [, , width, height] = box;
  return (
    height >= SMALLEST_DIGIT * scale_px &&
    height <= LARGEST_DIGIT * scale_px &&
    width <= widest * height
  );
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

interface Atom {
  readonly middle: number;
  readonly box: Box;
  readonly cutStrokes: number; // from the atom before, of the same mark
  readonly mark: number;
  readonly own: Uint8Array; // within the box
}

/** Cut a line's marks, and write the number of each piece into `labels`. */
function atomsOf(
  ink: Ink,
  labels: Plane<Int32Array>,
  marks: readonly Mark[],
  stroke_px: number,
  firstLabel: number,
): LineAtoms {
  const height_px = typicalHeight(marks);
  const atoms = marks
    .flatMap((mark) => cut(ink, labels, mark, height_px, stroke_px))
    .sort((one, other) => one.middle - other.middle);
  atoms.forEach((atom, index) => {
    const [left, top, width, height] = atom.box;
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++) {
        if (atom.own[(y - top) * width + x - left]) {
          labels.data[y * labels.width + x] = firstLabel + index;
        }
      }
    }
  });
  const boxes = atoms.map((atom) => atom.box);
  const cutStrokes = atoms
    .slice(1)
    .map((atom, index) => (atom.mark === atoms[index]!.mark ? atom.cutStrokes : 0));
  const runs = runsOf(atoms, cutStrokes, height_px);
  const ofAtoms = (first: number, last: number, maxPx?: number): Segment =>
    segment(
      ink,
      labels,
      around(boxes.slice(first, last + 1)),
      firstLabel + first,
      firstLabel + last,
      maxPx,
    );
  const segments = runs.map(([first, last]) => ofAtoms(first, last));
  return { boxes, cutStrokes, height_px, runs, segments, segment: ofAtoms };
}

function runsOf(atoms: readonly Atom[], cutStrokes: readonly number[], height_px: number): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < atoms.length; first++) {
    for (let last = first; last < Math.min(first + MAX_RUN, atoms.length); last++) {
      const members = atoms.slice(first, last + 1);
      const box = around(members.map((atom) => atom.box));
      if (last > first) {
        const before = around(members.slice(0, -1).map((atom) => atom.box));
        const gap = atoms[last]!.box[0] - (before[0] + before[2]);
        if (gap > MAX_RUN_GAP * height_px) break;
        const isOneMark = members.every((atom) => atom.mark === members[0]!.mark);
        if (box[2] > MAX_RUN_WIDTH * height_px && !isOneMark) continue;
      }
      const isCut = (cutStrokes[first - 1] ?? 0) > 0 || (cutStrokes[last] ?? 0) > 0;
      const lowest = isCut ? MIN_CUT_HEIGHT : SMALLEST_DIGIT;
      if (isDigitSized(box, height_px) && box[3] >= lowest * height_px) runs.push([first, last]);
    }
  }
  return runs;
}

function cut(
  ink: Ink,
  labels: Plane<Int32Array>,
  mark: Mark,
  height_px: number,
  stroke_px: number,
): Atom[] {
  const box = boxOf([mark]);
  const [left, top, width, height] = box;
  const own = new Uint8Array(width * height);
  const crop = cropped(ink, left, top, width, height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      own[at] = Number(labels.data[(top + y) * labels.width + left + x] === mark.label);
      if (!own[at]) crop.data[at] = 0;
    }
  }
  const whole = { middle: left + width / 2, box, cutStrokes: 0, mark: mark.label, own };
  const maxSeams = Math.min(MAX_CUTS, Math.trunc((width / height_px - UNCUT_WIDTH) / CUT_WIDTH));
  if (maxSeams < 1) return [whole];
  const zoom = Math.min(MAX_CUT_ZOOM, CUT_HEIGHT_PX / height_px);
  const resize = zoom < 1 ? shrink : stretch;
  const resized = resize(
    crop,
    Math.max(2, roundEven(width * zoom)),
    Math.max(2, roundEven(height * zoom)),
  );
  const stroke = Math.max(stroke_px * zoom, 1);
  const cuts = seams(resized, {
    spacing_px: CUT_SPACING * height_px * zoom,
    maxCut_px: MAX_CUT_STROKES * stroke,
    maxSeams,
  });
  if (!cuts.length) return [whole];
  const number = pieces(width, height, cuts, zoom);
  return Array.from({ length: cuts.length + 1 }, (_, index): Atom | undefined => {
    let [x0, y0, x1, y1] = [width, height, 0, 0];
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        if (!own[at] || number[at] !== index) continue;
        if (x < x0) x0 = x;
        if (x >= x1) x1 = x + 1;
        if (y < y0) y0 = y;
        y1 = y + 1;
      }
    }
    if (!x1) return undefined;
    const piece = new Uint8Array((x1 - x0) * (y1 - y0));
    for (let y = y0, to = 0; y < y1; y++) {
      for (let x = x0; x < x1; x++, to++) {
        const at = y * width + x;
        piece[to] = Number(own[at] && number[at] === index);
      }
    }
    return {
      middle: left + x0 + (x1 - x0) / 2,
      box: [left + x0, top + y0, x1 - x0, y1 - y0],
      cutStrokes: index ? cuts[index - 1]!.cut_px / stroke : 0,
      mark: mark.label,
      own: piece,
    };
  }).filter((atom) => atom !== undefined);
}

/** Cut out a digit with its soft edges, without its neighbours, at full strength. */
function segment(
  ink: Ink,
  labels: Plane<Int32Array>,
  box: Box,
  first: number,
  last: number,
  maxPx = MAX_CROP_PX,
): Segment {
  const left = Math.max(0, box[0] - 1);
  const top = Math.max(0, box[1] - 1);
  const width = Math.min(ink.width, box[0] + box[2] + 1) - left;
  const height = Math.min(ink.height, box[1] + box[3] + 1) - top;
  const crop = plane(width, height);
  const own = new Uint8Array(width * height);
  const strokes = new Float32Array(width * height);
  let count = 0;
  for (let y = 0, at = 0; y < height; y++) {
    const row = (top + y) * ink.width + left;
    for (let x = 0; x < width; x++, at++) {
      const label = labels.data[row + x]!;
      if (label < first || label > last) continue;
      own[at] = 1;
      strokes[count++] = crop.data[at] = ink.data[row + x]!;
    }
  }
  const strength = strokes.subarray(0, count).sort()[Math.trunc(0.9 * count)]!;
  for (let y = 0, at = 0; y < height; y++) {
    const row = (top + y) * ink.width + left;
    for (let x = 0; x < width; x++, at++) {
      if (!own[at] && labels.data[row + x] === 0 && ink.data[row + x]! > 0) {
        if (touches(own, width, height, x, y)) crop.data[at] = ink.data[row + x]!;
      }
      crop.data[at] = Math.min(crop.data[at]! / strength, 1);
    }
  }
  const zoom = maxPx / Math.max(width, height);
  const size = [width, height].map((side) => Math.max(1, roundEven(side * zoom)));
  return {
    box: [left, top, width, height],
    ink: zoom < 1 ? shrink(crop, size[0]!, size[1]!) : crop,
  };
}

/** Whether one of the eight neighbours is set. */
function touches(own: Uint8Array, width: number, height: number, x: number, y: number): boolean {
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++)
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++)
      if (own[row * width + column]) return true;
  return false;
}
