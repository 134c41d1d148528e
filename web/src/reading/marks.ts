/** Marks: the connected strokes of a page. As Python's `imaging/marks.py`. */

import { components, type Ink, type Plane } from "./image.ts";
import type { Box } from "./page.ts";

export const MAX_MARKS = 3000;
const EMPTY = 0.05; // of its box is ink in a frame, a grid or a drawing, and more of it in a digit
const WEAK = 0.25; // a mark is what is above weak, and is above strong somewhere
const STRONG = 0.4;
const MIN_MARK_PX = 4;
const RIM_CONTACT = 0.4; // of a mark's length on the page's border: it is no digit, unless deep
const ALIKE = 1.6; // times as high is no more alike in height
const SMALLEST = 0.08; // of a typical height: what is lower is a speck
const SEVERAL = 3;
const [LOW, BROAD] = [0.2, 0.4]; // of a height: what is lower, and not so broad, is a crumb
const FILLED = 0.65; // a dot is more of its box

export interface Mark {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly area: number;
  readonly label: number;
}

export const heightOf = (mark: Mark): number => mark.bottom - mark.top;
export const widthOf = (mark: Mark): number => mark.right - mark.left;

export function boxOf(marks: readonly Mark[]): Box {
  const left = Math.min(...marks.map((mark) => mark.left));
  const top = Math.min(...marks.map((mark) => mark.top));
  const right = Math.max(...marks.map((mark) => mark.right));
  const bottom = Math.max(...marks.map((mark) => mark.bottom));
  return [left, top, right - left, bottom - top];
}

/** The connected strokes that are dark enough somewhere, and are not the page's rim. */
export function findMarks(ink: Ink): {
  labels: Plane<Int32Array>;
  marks: Mark[];
  numFound: number;
} {
  const { width, height, data } = ink;
  const mask = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at++) mask[at] = Number(data[at]! > WEAK);
  const { labels, count } = components({ width, height, data: mask }, 8);
  const left = new Int32Array(count + 1).fill(width);
  const top = new Int32Array(count + 1).fill(height);
  const right = new Int32Array(count + 1);
  const bottom = new Int32Array(count + 1);
  const area = new Int32Array(count + 1);
  const contact_px = new Int32Array(count + 1);
  const isStrong = new Uint8Array(count + 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const label = labels.data[at]!;
      if (label === 0) continue;
      if (x < left[label]!) left[label] = x;
      if (y < top[label]!) top[label] = y;
      if (x >= right[label]!) right[label] = x + 1;
      bottom[label] = y + 1;
      area[label] = area[label]! + 1;
      if (data[at]! > STRONG) isStrong[label] = 1;
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) {
        contact_px[label] = contact_px[label]! + 1;
      }
    }
  }
  const marks: Mark[] = [];
  for (let label = 1; label <= count; label++) {
    const mark: Mark = {
      left: left[label]!,
      top: top[label]!,
      right: right[label]!,
      bottom: bottom[label]!,
      area: area[label]!,
      label,
    };
    const [short, long] = [widthOf(mark), heightOf(mark)].sort((one, other) => one - other);
    const isDeep = contact_px[label]! <= short! && mark.area <= FILLED * short! * long!;
    const isRim = contact_px[label]! > RIM_CONTACT * long! && !isDeep;
    if (isStrong[label] && mark.area >= MIN_MARK_PX && !isRim) marks.push(mark);
  }
  const numFound = marks.length;
  if (numFound > MAX_MARKS) {
    marks.sort((one, other) => other.area - one.area).length = MAX_MARKS;
    marks.sort((one, other) => one.label - other.label);
  }
  return { labels, marks, numFound };
}

/** Whether the strokes in a box reach the page's border, behind which they may go on. */
export function isCutOff([x, y, width, height]: Box, ink: Ink): boolean {
  const [right, bottom] = [x + width - 1, y + height - 1];
  for (let row = y; row <= bottom; row++) {
    for (let column = x; column <= right; column++) {
      const isBorder =
        row === 0 || row === ink.height - 1 || column === 0 || column === ink.width - 1;
      if (isBorder && ink.data[row * ink.width + column]! > WEAK) return true;
    }
  }
  return false;
}

/**
 * The height of a typical mark, each counted by its height; frames and grids not at all.
 *
 * One that is far higher than several others, which are alike and no dots, and alone in that, is a
 * drawing beside them, or the pen that lies on the page.
 */
export function typicalHeight(marks: readonly Mark[]): number {
  const inner = withoutFrames(marks).filter(
    (mark) => mark.area >= EMPTY * widthOf(mark) * heightOf(mark),
  );
  const counted = inner.length ? inner : marks;
  const typical = weightedMedian(counted.map(heightOf));
  const isLower = (mark: Mark): boolean =>
    heightOf(mark) >= SMALLEST * typical &&
    heightOf(mark) <= typical / ALIKE &&
    mark.area < FILLED * widthOf(mark) * heightOf(mark);
  const isAlike = (mark: Mark): boolean =>
    heightOf(mark) > typical / ALIKE && heightOf(mark) < typical * ALIKE;
  const lower = counted.filter(isLower);
  if (counted.filter(isAlike).length > 1 || !lower.length) return typical;
  const others = weightedMedian(lower.map(heightOf));
  const areSmall = others < LOW * typical;
  const alike = lower.filter(
    (mark) =>
      heightOf(mark) > others / ALIKE &&
      heightOf(mark) < others * ALIKE &&
      (!areSmall || widthOf(mark) > BROAD * heightOf(mark)),
  );
  return alike.length >= SEVERAL ? others : typical;
}

function weightedMedian(heights: readonly number[]): number {
  const ordered = [...heights].sort((one, other) => one - other);
  const half = ordered.reduce((sum, height) => sum + height, 0) / 2;
  let weight = 0;
  return ordered.find((height) => (weight += height) >= half)!;
}

/** Leave out what surrounds at least two others, wholly in its box, and is mostly empty. */
export function withoutFrames(marks: readonly Mark[]): Mark[] {
  return marks.filter((frame) => {
    if (frame.area >= 0.3 * widthOf(frame) * heightOf(frame)) return true;
    const inside = marks.filter((mark) => {
      const isWithin =
        mark.left >= frame.left &&
        mark.right <= frame.right &&
        mark.top >= frame.top &&
        mark.bottom <= frame.bottom;
      return isWithin && heightOf(mark) > heightOf(frame) / 8;
    });
    return inside.length <= 2; // a mark is inside itself
  });
}

/** The connected parts of a symmetric relation. */
export function groups<T>(items: readonly T[], belongs: (one: T, other: T) => boolean): T[][] {
  const parent = items.map((_, index) => index);
  const root = (index: number): number => {
    while (parent[index] !== index) index = parent[index] = parent[parent[index]!]!;
    return index;
  };
  for (let one = 0; one < items.length; one++) {
    for (let other = one + 1; other < items.length; other++) {
      if (belongs(items[one]!, items[other]!)) parent[root(one)] = root(other);
    }
  }
  const found = new Map<number, T[]>();
  items.forEach((item, index) => {
    const key = root(index);
    found.set(key, [...(found.get(key) ?? []), item]);
  });
  return [...found.entries()].sort(([one], [other]) => one - other).map(([, group]) => group);
}
