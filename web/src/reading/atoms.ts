/**
 * Lines taken apart: a line's marks are cut into atoms, and each digit is a run of these. As
 * `imaging/atoms.py`.
 */

import { cropped, type Ink, type Plane, plane, roundEven, shrink, stretch } from "./image.ts";
import { boxOf, type Mark, typicalHeight } from "./marks.ts";
import { around, type Box } from "./page.ts";
import { pieces, type Run, seams } from "./split.ts";

// Shares of the typical mark height; see Python for what each one means.
const SMALLEST_DIGIT = 0.28;
export const LARGEST_DIGIT = 8;
export const WIDEST_DIGIT = 3;

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

/** Whether a digit of this page may be as large as a box. */
export function isDigitSized(box: Box, scale_px: number, widest = WIDEST_DIGIT): boolean {
  const [, , width, height] = box;
  return (
    height >= SMALLEST_DIGIT * scale_px &&
    height <= LARGEST_DIGIT * scale_px &&
    width <= widest * height
  );
}

interface Atom {
  readonly middle: number;
  readonly box: Box;
  readonly cutStrokes: number; // from the atom before, of the same mark
  readonly mark: number;
  readonly own: Uint8Array; // within the box
}

/** Cut a line's marks, and write the number of each piece into `labels`. */
export function atomsOf(
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
export function segment(
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
