/** Touching digits: where a mark may be cut, and the best way to cut a line. As `imaging/split.py`. */

import { components, type Ink } from "./image.ts";

const EMPTY = 0.04; // what a pixel of paper costs a seam, so that it prefers to be short
const LOOP = 0.15; // ... and more if a loop of ink encloses it
const STROKE = 0.4;
const SIDEWAYS = 0.06; // what a step aside costs
const RIDGE = 0.06; // between two cuts there is more ink than on them, by so many pixels
const RIM = 0.75; // of the spacing: the narrowest piece at either side

/** A way from a mark's top to its bottom that cuts little ink. */
export interface Seam {
  /** The column of the cut in each row, in pixels of the mark. */
  readonly x: Int32Array;
  readonly cut_px: number;
}

export interface SeamLimits {
  readonly spacing_px: number;
  readonly maxCut_px: number;
  readonly maxSeams: number;
}

/** Propose cuts through one mark, from left to right. Source: Avidan & Shamir 2007. */
export function seams(ink: Ink, { spacing_px, maxCut_px, maxSeams }: SeamLimits): Seam[] {
  const { width, height } = ink;
  if (height < 2 || width < 3 || maxSeams < 1) return [];
  const enclosed = loops(ink);
  const price = Float64Array.from(ink.data, (value, at) => value + EMPTY + LOOP * enclosed[at]!);
  const down = cheapest(price, width, height, 1);
  const up = cheapest(price, width, height, -1);
  const middle = height >> 1;
  const row = middle * width;
  // Both halves count the middle row.
  const through = Float64Array.from(
    { length: width },
    (_, x) => down.total[row + x]! + up.total[row + x]! - price[row + x]!,
  );
  const reach = Math.max(1, Math.trunc(RIM * spacing_px));
  const isSame = (one: number, other: number): boolean => {
    if (Math.abs(one - other) < spacing_px) return true;
    const between = through.subarray(Math.min(one, other), Math.max(one, other) + 1);
    return Math.max(...between) < through[one]! + RIDGE;
  };
  const found: Seam[] = [];
  const order = [...through.keys()].sort((one, other) => through[one]! - through[other]!);
  for (const column of order) {
    if (column < reach || column >= width - reach) continue;
    if (found.some((seam) => isSame(column, seam.x[middle]!))) continue;
    const x = new Int32Array(height);
    x[middle] = column;
    for (let y = middle; y > 0; y--) x[y - 1] = x[y]! + down.step[y * width + x[y]!]!;
    for (let y = middle; y < height - 1; y++) x[y + 1] = x[y]! + up.step[y * width + x[y]!]!;
    const cut_px = x.reduce((sum, at, y) => sum + ink.data[y * width + at]!, 0);
    if (cut_px > maxCut_px) continue;
    found.push({ x, cut_px });
    if (found.length === maxSeams) break;
  }
  return found.sort((one, other) => one.x[middle]! - other.x[middle]!);
}

/** The paper inside of loops: to cut a loop open is rarely right. */
function loops(ink: Ink): Uint8Array {
  const width = ink.width + 2;
  const height = ink.height + 2;
  const paper = new Uint8Array(width * height).fill(1);
  const at = (x: number, y: number): number => (y + 1) * width + x + 1;
  const each = (visit: (x: number, y: number, from: number) => void): void => {
    for (let y = 0; y < ink.height; y++)
      for (let x = 0; x < ink.width; x++) visit(x, y, y * ink.width + x);
  };
  each((x, y, from) => (paper[at(x, y)] = Number(ink.data[from]! < STROKE)));
  const { labels } = components({ width, height, data: paper }, 4);
  const inside = new Uint8Array(ink.data.length);
  each((x, y, from) => (inside[from] = Number(labels.data[at(x, y)]! > 1)));
  return inside;
}

/** The cost of the cheapest way to each pixel from the first (1) or last (-1) row. */
function cheapest(
  price: Float64Array,
  width: number,
  height: number,
  way: 1 | -1,
): { total: Float64Array; step: Int8Array } {
  const total = Float64Array.from(price);
  const step = new Int8Array(price.length); // -1, 0 or 1 to the pixel in the row before
  for (let count = 1; count < height; count++) {
    const y = way > 0 ? count : height - 1 - count;
    const row = y * width;
    const before = row - way * width;
    for (let x = 0; x < width; x++) {
      let least = total[before + x]!;
      let chosen = 0;
      if (x > 0 && total[before + x - 1]! + SIDEWAYS < least) {
        least = total[before + x - 1]! + SIDEWAYS;
        chosen = -1;
      }
      if (x < width - 1 && total[before + x + 1]! + SIDEWAYS < least) {
        least = total[before + x + 1]! + SIDEWAYS;
        chosen = 1;
      }
      total[row + x] = price[row + x]! + least;
      step[row + x] = chosen;
    }
  }
  return { total, step };
}

/** Number the pieces between cuts: 0 left of the first one, 1 left of the second, and so on. */
export function pieces(
  width: number,
  height: number,
  cuts: readonly Seam[],
  zoom: number,
): Int32Array {
  const number = new Int32Array(width * height);
  for (const cut of cuts) {
    for (let y = 0; y < height; y++) {
      const row = Math.min(Math.max((y + 0.5) * zoom - 0.5, 0), cut.x.length - 1);
      const low = Math.floor(row);
      const above = cut.x[low]!;
      const below = cut.x[Math.min(low + 1, cut.x.length - 1)]!;
      const x = (above + (below - above) * (row - low) + 0.5) / zoom;
      for (let column = 0; column < width; column++) {
        if (column + 0.5 > x) number[y * width + column] = number[y * width + column]! + 1;
      }
    }
  }
  return number;
}

/** The first and last atom of a candidate, both included. */
export type Run = readonly [first: number, last: number];

/** The runs that together explain all atoms at the least cost, from left to right. */
export function bestPath(
  numAtoms: number,
  runs: readonly Run[],
  costs: readonly number[],
  skipCosts: readonly number[],
): number[] {
  const best: [cost: number, count: number][] = [[0, 0]]; // of the first k atoms
  const came: (number | undefined)[] = []; // the run that ends there
  for (let atom = 0; atom < numAtoms; atom++) {
    let [cost, count] = best[atom]!;
    cost += skipCosts[atom]!;
    let chosen: number | undefined;
    runs.forEach(([first, last], index) => {
      if (last !== atom) return;
      const [before, runsBefore] = best[first]!;
      const option = before + costs[index]!;
      if (option < cost || (option === cost && runsBefore + 1 < count)) {
        [cost, count, chosen] = [option, runsBefore + 1, index];
      }
    });
    best.push([cost, count]);
    came.push(chosen);
  }
  const path: number[] = [];
  for (let end = numAtoms; end > 0;) {
    const run = came[end - 1];
    if (run === undefined) {
      end--;
    } else {
      path.unshift(run);
      end = runs[run]![0];
    }
  }
  return path;
}

/** How much of all ways to explain the atoms goes through each run. Source: Rabiner 1989. */
export function runShares(
  numAtoms: number,
  runs: readonly Run[],
  costs: readonly number[],
  skipCosts: readonly number[],
): number[] {
  const forth: number[] = [0]; // logarithms
  for (let atom = 0; atom < numAtoms; atom++) {
    const ways = [forth[atom]! - skipCosts[atom]!];
    runs.forEach(([first, last], index) => {
      if (last === atom) ways.push(forth[first]! - costs[index]!);
    });
    forth.push(logSumExp(ways));
  }
  const back: number[] = [];
  back[numAtoms] = 0;
  for (let atom = numAtoms - 1; atom >= 0; atom--) {
    const ways = [back[atom + 1]! - skipCosts[atom]!];
    runs.forEach(([first, last], index) => {
      if (first === atom) ways.push(back[last + 1]! - costs[index]!);
    });
    back[atom] = logSumExp(ways);
  }
  return runs.map(([first, last], index) =>
    Math.exp(forth[first]! - costs[index]! + back[last + 1]! - forth[numAtoms]!),
  );
}

export function logSumExp(values: ArrayLike<number>): number {
  let peak = -Infinity;
  for (let index = 0; index < values.length; index++) peak = Math.max(peak, values[index]!);
  if (!Number.isFinite(peak)) return peak;
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += Math.exp(values[index]! - peak);
  return peak + Math.log(sum);
}
