/** Boxes to lines, in reading order. As Python's `imaging/layout.py`. */

import { median } from "./image.ts";
import type { Box } from "./page.ts";

const SAME_LINE = 0.5; // the middles of a line's neighbours differ by less, in their heights
const MAX_SLOPE = 0.6;
const COLUMN_GAP = 2.5;
const LEVEL_COLUMN_GAP = 6;
const MIN_COLUMN_LINES = 3;
const LEVEL = 0.35;
const MOSTLY_LEVEL = 0.7;

// Commas and apostrophes, in heights of the digits beside them; see Python for what each one means.
const LOWER = 0.55;
const BESIDE = 0.6;
const OVERLAP = 0.15;
const AT_FOOT = 0.6;
const BELOW = 0.05;
const UNDER = 0.25;
const OVER = 0.35;
const AT_HEAD = 0.5;
const APART = 0.08;
const LIKE = 1.6;
const WITH = 0.6;

interface Place {
  readonly index: number;
  readonly left: number;
  readonly right: number;
  readonly x: number; // middle
  readonly y: number; // middle
  readonly height: number;
  level: number; // y without the slope
}

/** Indices of the boxes: the lines in reading order, each from left to right. */
export function readingOrder(boxes: readonly Box[]): number[][] {
  if (!boxes.length) return [];
  const places = boxes.map(([x, y, width, height], index) => ({
    index,
    left: x,
    right: x + width,
    x: x + width / 2,
    y: y + height / 2,
    height,
    level: 0,
  }));
  const slope = slopeOf(places);
  for (const place of places) place.level = place.y - slope * place.x;
  return columnsOf(places).flatMap(linesOf);
}

/** Which boxes are commas, or apostrophes between digits, as in 1,250 and 1'250. */
export function separators(boxes: readonly Box[]): boolean[] {
  return boxes.map((own) => {
    const isLike = ([x, y, width, height]: Box): boolean =>
      height < LIKE * own[3] &&
      own[3] < LIKE * height &&
      Math.abs(y + height / 2 - own[1] - own[3] / 2) < own[3] &&
      Math.max(x - own[0] - own[2], own[0] - x - width) < WITH * own[3];
    return mayPart(own, boxes) && boxes.filter(isLike).length === 1; // itself
  });
}

function mayPart(own: Box, boxes: readonly Box[]): boolean {
  const right = own[0] + own[2];
  const bottom = own[1] + own[3];
  const digits = boxes.filter(([, , , height]) => Math.max(own[2], own[3]) < LOWER * height);
  const atHead = ([, y, , height]: Box): boolean =>
    (own[1] - y) / height > -OVER && bottom - y < AT_HEAD * height;
  const isComma = digits.some(([x, y, width, height]) => {
    const after = (own[0] - x - width) / height;
    const start = (own[1] - y) / height;
    const isBefore = after > -OVERLAP && after < BESIDE && x < own[0];
    const isAtFoot = start > AT_FOOT && start < 1 + UNDER;
    return isBefore && isAtFoot && (bottom - y - height) / height > BELOW;
  });
  const isBetween = (space: (digit: Box) => number): boolean =>
    digits.some((digit) => {
      const apart = space(digit) / digit[3];
      return atHead(digit) && apart > APART && apart < BESIDE;
    });
  const isApostrophe =
    isBetween(([x, , width]) => own[0] - x - width) && isBetween(([x]) => x - right);
  return isComma || isApostrophe;
}

/** All boxes as one line, from left to right. */
export function oneLine(boxes: readonly Box[]): number[][] {
  const order = boxes.map((_, index) => index);
  const middle = (index: number): number => 2 * boxes[index]![0] + boxes[index]![2];
  return boxes.length ? [order.sort((one, other) => middle(one) - middle(other))] : [];
}

function linesOf(places: readonly Place[]): number[][] {
  const lines: { members: Place[]; level: number; height: number }[] = [];
  for (const place of [...places].sort((one, other) => one.x - other.x)) {
    const apart = lines.map(
      (line) => Math.abs(place.level - line.level) / Math.max(place.height, line.height),
    );
    const nearest = Math.min(...apart);
    if (lines.length && nearest < SAME_LINE) {
      const line = lines[apart.indexOf(nearest)]!;
      line.members.push(place);
      line.level += (place.level - line.level) / 2;
      line.height += (place.height - line.height) / 2;
    } else {
      lines.push({ members: [place], level: place.level, height: place.height });
    }
  }
  const mean = (members: readonly Place[]): number =>
    members.reduce((sum, place) => sum + place.level, 0) / members.length;
  return lines
    .sort((one, other) => mean(one.members) - mean(other.members))
    .map((line) => line.members.map((place) => place.index));
}

/**
 * How far lines fall per pixel to the right. It is 0 if more digits stand level so: some figures of a
 * hand may stand higher than others.
 */
function slopeOf(places: readonly Place[]): number {
  const slopes: number[] = [];
  const beside: { across: number; down: number; within: number }[] = [];
  for (const place of places) {
    let nearest: Place | undefined;
    for (const other of places) {
      const [across, down] = [other.x - place.x, other.y - place.y];
      if (across <= 0 || across >= 4 * place.height) continue;
      beside.push({ across, down, within: LEVEL * place.height });
      const isNeighbour = Math.abs(down) < MAX_SLOPE * place.height;
      if (isNeighbour && (!nearest || other.x < nearest.x)) nearest = other;
    }
    if (nearest) slopes.push((nearest.y - place.y) / (nearest.x - place.x));
  }
  if (slopes.length < 3) return 0;
  const slope = median(slopes);
  const numLevel = (of: number): number =>
    beside.filter(({ across, down, within }) => Math.abs(down - of * across) < within).length;
  return numLevel(slope) >= numLevel(0) ? slope : 0;
}

/** The boxes of each column, from left to right. */
function columnsOf(places: readonly Place[]): Place[][] {
  const typical = median(places.map((place) => place.height));
  const kept: Place[][] = [];
  let reach = -Infinity; // of all that came before
  let column: Place[] = [];
  let gap = 0; // before the column
  const close = (): void => {
    const before = kept.at(-1);
    const isWide = gap > LEVEL_COLUMN_GAP * typical;
    if (before && !areColumns(before, column, typical, isWide)) before.push(...column);
    else kept.push(column);
  };
  for (const place of [...places].sort((one, other) => one.left - other.left)) {
    const next = place.left - reach;
    if (column.length && next > COLUMN_GAP * typical) {
      close();
      column = [];
      gap = next;
    }
    column.push(place);
    reach = Math.max(reach, place.right);
  }
  close();
  return kept.map((members) => members.sort((one, other) => one.index - other.index));
}

function areColumns(
  one: readonly Place[],
  other: readonly Place[],
  typical: number,
  isWide: boolean,
): boolean {
  const [fewer, more] = [distinct(one), distinct(other)].sort((a, b) => a.length - b.length);
  if (fewer!.length < MIN_COLUMN_LINES) return false;
  const level = fewer!.filter(
    (at) => Math.min(...more!.map((against) => Math.abs(at - against))) < LEVEL * typical,
  );
  return isWide || level.length / fewer!.length < MOSTLY_LEVEL;
}

/** The levels of the lines that these boxes make up, roughly. */
function distinct(places: readonly Place[]): number[] {
  const apart = SAME_LINE * median(places.map((place) => place.height));
  const parts: number[][] = [];
  for (const level of places.map((place) => place.level).sort((one, other) => one - other)) {
    const last = parts.at(-1);
    if (last && level - last.at(-1)! <= apart) last.push(level);
    else parts.push([level]);
  }
  return parts.map((part) => part.reduce((sum, level) => sum + level, 0) / part.length);
}
