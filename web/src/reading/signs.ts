/** Which marks may be parentheses or slashes. As Python's `signs.py`. */

import type { Mark } from "./clusters.ts";
import { GLYPH_PX, median, sumOf } from "./image.ts";
import type { Box } from "./page.ts";

const BOW = 0.09; // of a parenthesis, in its heights
const INK = 0.3; // of a glyph: what is fainter is the edge of a stroke

// How far digits lean to the right, per pixel upwards, on average: 0, 1, 2 and so on.
const LEANS = [0.22, 0.23, 0.14, 0.03, 0.05, 0.13, 0.03, 0.11, 0.18, -0.02];
const SLANTED = 0.4; // of a slash
const MORE = 0.27; // ... than the digits of the page do
const NUM_OTHERS = 2; // digits that tell how a hand slants
const NEAR = 1; // in a slash's heights
const TALL = 0.12; // in the heights of the digits beside it: so far a slash reaches beyond an end
const UPRIGHT = 0.1; // of two higher ones, which make a date of their word
const HIGHER = 0.18;
const STEEPEST = 0.3; // of one that does so at both ends
const UNLIKE = 0.2; // ... than the page's own 1s lean
const LEANING = 0.25; // of slashes of one page
const APART = 0.15; // ... from its 1s
const WORD = 1; // a word ends at a wider space, in heights
const [DAYS, MONTHS] = [31, 12];

/** Which marks of each line may be signs: 0.5 for what may be one, 1 for what surely is, else 0. */
export function asSigns(lines: readonly (readonly Mark[])[], classes: string): number[][] {
  const enclosing = lines.map((line) => inParentheses(line, classes));
  return asSlashes(lines, classes).map((row, line) =>
    row.map((of, index) => Math.max(of, enclosing[line]![index] ? 0.5 : 0)),
  );
}

/** Which marks of a line may be a pair of parentheses: 1s that bow away from what they enclose. */
export function inParentheses(line: readonly Mark[], classes: string): boolean[] {
  const order = [...line.keys()].sort((one, other) => line[one]!.box[0] - line[other]!.box[0]);
  const bows = line.map(({ probabilities, glyph }) => {
    const ofDigits = probabilities.subarray(0, -1);
    return classes[ofDigits.indexOf(Math.max(...ofDigits))] === "1" ? bowOf(glyph) : 0;
  });
  const mayBe = line.map(() => false);
  let opened: number | undefined;
  order.forEach((index, place) => {
    if (bows[index]! > BOW) opened = place;
    else if (bows[index]! < -BOW && opened !== undefined && place > opened + 1) {
      mayBe[order[opened]!] = mayBe[index] = true;
      opened = undefined;
    }
  });
  return mayBe;
}

/**
 * Which marks of each line may be slashes, and which surely are: 1s between digits that lean.
 * One that leans far more than the digits of the page do may be a slash, and so may two or more
 * that lean apart from two other 1s or more. It is one if it reaches
 * beyond both ends of the digits beside it as well, and then need not lean so much, where other 1s
 * of the page stand otherwise, or two make a date of their word. So are two that do, and lean far
 * more, if one of them reaches beyond an end. 0.5 for what may be one, 1 for what surely is.
 */
export function asSlashes(lines: readonly (readonly Mark[])[], classes: string): number[][] {
  const rows = lines.map((line) => fromLeft(line, classes));
  const marks = rows.flat();
  const others = marks
    .filter(({ value }) => value !== "1")
    .map(({ value, lean }) => lean - (LEANS[Number(value)] ?? 0));
  const found = lines.map((line) => line.map(() => 0));
  if (others.length < NUM_OTHERS) return found;
  const mayBe = Math.max(SLANTED, median(others) + LEANS[1]! + MORE);
  const ones = marks.filter((mark) => mark.value === "1" && !isLong(mark)).map(({ lean }) => lean);
  const surely = ones.length ? median(ones) + UNLIKE : mayBe;
  const apart = leaningApart(marks);
  rows.forEach((row, line) => {
    const of = found[line]!;
    for (const mark of row) {
      if (mark.isBetween && (mark.lean > mayBe || mark.lean >= apart)) of[mark.number] = 0.5;
      if (mark.lean > surely && isLong(mark)) of[mark.number] = 1;
    }
    const places = dateSlashes(
      row.map((mark) => ({ ...mark, leans: of[mark.number]! > 0 || isLong(mark) || isTall(mark) })),
    );
    for (let first = 0; first < places.length; first += 2) {
      const pair = [row[places[first]!]!, row[places[first + 1]!]!];
      if (!pair.some(({ beyond }) => Math.max(...beyond) > TALL)) continue;
      for (const { number } of pair) of[number] = 1;
    }
  });
  return found;
}

/** The least lean of the page's 1s that may be slashes since they lean apart from its others. */
function leaningApart(marks: readonly Leaning[]): number {
  const ones = marks
    .filter(({ value }) => value === "1")
    .sort((one, other) => one.lean - other.lean);
  const at = ones.findIndex(
    ({ lean }, place) =>
      place >= 2 &&
      place < ones.length - 1 &&
      lean > LEANING &&
      lean - ones[place - 1]!.lean > APART &&
      ones.slice(place).every(({ isBetween }) => isBetween),
  );
  return at < 0 ? Infinity : ones[at]!.lean;
}

/** A digit of a line, and whether it leans as a slash does. */
interface MaybeSlash {
  readonly value: string;
  readonly box: Box;
  readonly leans: boolean;
}

/** Where the slashes of dates would stand in a line, which goes from left to right. */
export function dateSlashes(line: readonly MaybeSlash[]): number[] {
  const words: number[][] = [];
  line.forEach(({ box: [x, , , height] }, place) => {
    const [left, , across, high] = place ? line[place - 1]!.box : [-Infinity, 0, 0, 0];
    if (x - left - across > WORD * Math.max(height, high)) words.push([]);
    words.at(-1)!.push(place);
  });
  return words.flatMap((word) => inDate(word.map((at) => line[at]!)).map((at) => word[at]!));
}

/** Where the slashes of a date would stand; nowhere if the word is none. */
function inDate(word: readonly MaybeSlash[]): number[] {
  const values = word.map(({ value }) => value).join("");
  for (const [first, second] of [
    [1, 3],
    [1, 4],
    [2, 4],
    [2, 5],
  ] as const) {
    const parts = [values.slice(0, first), values.slice(first + 1, second)].map(Number);
    const isDate = parts.every((part) => part >= 1 && part <= DAYS) && Math.min(...parts) <= MONTHS;
    const areOnes = [first, second].every((at) => values[at] === "1" && word[at]!.leans);
    const year = values.length - second - 1;
    if ((year === 2 || year === 4) && areOnes && isDate) return [first, second];
  }
  return [];
}

/** A mark that is some digit: which of its line, whether it is a 1 between two, and how far beyond. */
interface Leaning {
  readonly number: number;
  readonly value: string;
  readonly box: Box;
  readonly lean: number;
  readonly isBetween: boolean;
  readonly beyond: readonly [number, number];
}

/** Whether it leans at all, and is as high as a slash. */
function isTall({ lean, beyond: [above, below] }: Leaning): boolean {
  return lean > UPRIGHT && Math.min(above, below) >= 0 && above + below > HIGHER;
}

/** Whether a mark leans at all, and reaches beyond at both ends, as most slashes do. */
function isLong({ lean, beyond }: Leaning): boolean {
  return lean > STEEPEST && Math.min(...beyond) > TALL;
}

/** What of a line is not known for no digit, from left to right. */
function fromLeft(line: readonly Mark[], classes: string): Leaning[] {
  const kept = [...line.keys()]
    .filter((index) => line[index]!.probabilities.at(-1)! <= 0.5)
    .sort((one, other) => line[one]!.box[0] - line[other]!.box[0]);
  return kept.map((number, place) => {
    const { box, probabilities, glyph } = line[number]!;
    const ofDigits = probabilities.subarray(0, -1);
    const value = classes[ofDigits.indexOf(Math.max(...ofDigits))]!;
    const beside = [kept[place - 1], kept[place + 1]].flatMap((at) =>
      at === undefined ? [] : [line[at]!.box],
    );
    const [x, y, width, height] = box;
    const spaces = beside.map(([left, , across]) => Math.max(x - left - across, left - x - width));
    const isBetween = value === "1" && beside.length === 2 && Math.max(...spaces) < NEAR * height;
    const beyond = isBetween
      ? ([
          Math.min(...beside.map(([, top, , high]) => (top - y) / high)),
          Math.min(...beside.map(([, top, , high]) => (y + height - top - high) / high)),
        ] as const)
      : ([0, 0] as const);
    return { number, value, box, lean: leanOf(glyph), isBetween, beyond };
  });
}

/** How far a glyph's strokes go to the right, per pixel upwards; 0 of a flat one. */
function leanOf(glyph: Float32Array): number {
  const { rows, middles } = middlesOf(glyph);
  if (rows.length < 3) return 0;
  const mean = sumOf(rows) / rows.length;
  const along = sumOf(middles.map((middle, index) => (mean - rows[index]!) * middle));
  return along / sumOf(rows.map((y) => (mean - y) ** 2));
}

/** How far a stroke's ends lie to the right of a parabola's middle, in heights; 0 if broken. */
function bowOf(glyph: Float32Array): number {
  const { rows, middles } = middlesOf(glyph);
  const count = rows.length;
  if (count < 3 || count !== rows.at(-1)! + 1 - rows[0]!) return 0;
  const squares = middles.map((_, row) => ((2 * row) / (count - 1) - 1) ** 2);
  const mean = sumOf(squares) / count;
  const spread = sumOf(squares.map((square) => (square - mean) ** 2));
  return sumOf(middles.map((middle, row) => (squares[row]! - mean) * middle)) / spread / count;
}

/** The rows of a glyph that have ink, and the middle of the ink in each. */
function middlesOf(glyph: Float32Array): { rows: number[]; middles: number[] } {
  const rows: number[] = [];
  const middles: number[] = [];
  for (let y = 0; y < GLYPH_PX; y++) {
    let [sum, moment] = [0, 0];
    for (let x = 0; x < GLYPH_PX; x++) {
      const ink = glyph[y * GLYPH_PX + x]!;
      if (ink > INK) [sum, moment] = [sum + ink, moment + ink * x];
    }
    if (!sum) continue;
    rows.push(y);
    middles.push(moment / sum);
  }
  return { rows, middles };
}
