/** How probably each mark is a letter: among letters, an o is no 0. As Python's `letters.py`. */

import type { Mark } from "./clusters.ts";
import { median } from "./image.ts";

// How much more often a mark looks like that among letters than among digits.
const NONE = 13; // no digit
const ALIKE: Readonly<Record<string, number>> = { "0": 0.6, "1": 0.6, "5": 0.4 }; // o, l, s
const OTHER = 0.05;
const NONE_OR_TOUCHING = 5; // no digit, where it may yet be several
const UNSURE = 2; // as well a digit as none
const UNKNOWN = 1;
const SURELY_NONE = 0.5; // of probability: from here on, it looks like no digit
const SMALL = 0.5; // in heights: a comma or a dash tells nothing

const LEAST = 0.1; // how probably it is open what follows: by the space between, in heights
const MOST = 0.6;
const FAR = 3; // ... and so, where one is so many times as high
const OTHER_HAND = 0.9;
const PRIOR = 8; // so many marks more are as usual
const ANOTHER_SIZE = 1.8; // what is so many times lower tells nothing of a mark
const USUAL = 0.05; // share of letters where nothing is known
const ROUNDS = 4;

/**
 * How probably each mark of each line is a letter, by what all others look like as well. `mayTouch`:
 * what looks like no digit may be several that touch: nobody has read it again.
 */
export function amongLetters(
  lines: readonly (readonly Mark[])[],
  classes: string,
  { mayTouch = false } = {},
): Float64Array[] {
  const ofNone = mayTouch ? NONE_OR_TOUCHING : NONE;
  const orders = lines.map((line) =>
    [...line.keys()].sort((one, other) => line[one]!.box[0] - line[other]!.box[0]),
  );
  const rows = lines.map((line, number) => orders[number]!.map((index) => line[index]!));
  const odds = rows.map((row) => oddsOf(row, classes, ofNone));
  const anew = rows.map(anewOf);
  const heights = rows.map((row) => row.map(({ box }) => box[3]));
  let shares = rows.map((row) => row.map(() => USUAL));
  let found: number[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    found = rows.map((_, row) => smoothed(odds[row]!, anew[row]!, shares[row]!));
    shares = sharesOf(found, heights);
  }
  return found.map((row, number) => {
    const inPlace = new Float64Array(row.length);
    orders[number]!.forEach((index, place) => (inPlace[index] = row[place]!));
    return inPlace;
  });
}

/** How much more probable each mark is of letters than of digits, by itself. */
function oddsOf(line: readonly Mark[], classes: string, ofNone: number): number[] {
  const typical = median(line.map(({ box }) => box[3]));
  return line.map(({ box, probabilities, isDoubted }) => {
    const none = probabilities.at(-1)!;
    if (none > SURELY_NONE) return box[3] < SMALL * typical ? UNKNOWN : ofNone;
    const ofDigits = probabilities.subarray(0, -1);
    const alike = ALIKE[classes[ofDigits.indexOf(Math.max(...ofDigits))]!] ?? OTHER;
    const odds = alike + ((UNSURE - alike) * none) / SURELY_NONE;
    return isDoubted ? Math.max(odds, UNKNOWN) : odds;
  });
}

/** How probably it is open what each mark is, whatever stands before it. */
function anewOf(row: readonly Mark[]): number[] {
  const typical = median(row.map(({ box }) => box[3]));
  let [right, before] = [-Infinity, typical];
  return row.map(({ box: [x, , width, height] }) => {
    const space = (x - right) / typical;
    const isSmall = height < SMALL * typical;
    const isOther = Math.max(before, height) > FAR * Math.min(before, height) && !isSmall;
    right = Math.max(right, x + width);
    if (!isSmall) before = height;
    return isOther ? OTHER_HAND : Math.min(Math.max(space, LEAST), MOST);
  });
}

/**
 * Of each mark of each line: how many are letters, on the other lines, of what is not far lower. No
 * line proves itself, and print tells nothing of a large digit beside it.
 */
function sharesOf(
  found: readonly (readonly number[])[],
  heights: readonly (readonly number[])[],
): number[][] {
  const ofPage = countsOf(heights.flat(), found.flat());
  let place = 0;
  return found.map((row, number) =>
    countsOf(heights[number]!, row).map(([letters, count]) => {
      const [lettersOfPage, countOfPage] = ofPage[place++]!;
      return (lettersOfPage - letters + PRIOR * USUAL) / (countOfPage - count + PRIOR);
    }),
  );
}

/** Of what is not far lower than each mark: how many are letters, of how many. */
function countsOf(heights: readonly number[], letters: readonly number[]): [number, number][] {
  const order = [...heights.keys()].sort((one, other) => heights[one]! - heights[other]!);
  const lettersFrom = new Array<number>(heights.length + 1).fill(0);
  for (let place = heights.length - 1; place >= 0; place--) {
    lettersFrom[place] = lettersFrom[place + 1]! + letters[order[place]!]!;
  }
  const counts = new Array<[number, number]>(heights.length);
  let first = 0;
  for (const mark of order) {
    while (heights[order[first]!]! < heights[mark]! / ANOTHER_SIZE) first++;
    counts[mark] = [lettersFrom[first]!, heights.length - first];
  }
  return counts;
}

/** How probably each mark of a line is a letter, where such a share of its like are. */
function smoothed(
  odds: readonly number[],
  anew: readonly number[],
  shares: readonly number[],
): number[] {
  const before: [number, number][] = [];
  let state: [number, number] = [0, 0]; // so of the first, it is wholly open
  odds.forEach((here, index) => {
    const [isOpen, share] = [anew[index]!, shares[index]!];
    state = normal([
      (1 - isOpen) * state[0] + isOpen * (1 - share),
      ((1 - isOpen) * state[1] + isOpen * share) * here,
    ]);
    before.push(state);
  });
  const letters = new Array<number>(odds.length);
  let after: [number, number] = [1, 1];
  for (let index = odds.length - 1; index >= 0; index--) {
    const [digit, letter] = before[index]!;
    [, letters[index]] = normal([digit * after[0], letter * after[1]]);
    const seen = [after[0], after[1] * odds[index]!] as const;
    const share = shares[index]!;
    const open = anew[index]! * ((1 - share) * seen[0] + share * seen[1]);
    after = normal([(1 - anew[index]!) * seen[0] + open, (1 - anew[index]!) * seen[1] + open]);
  }
  return letters;
}

function normal([one, other]: readonly [number, number]): [number, number] {
  return [one / (one + other), other / (one + other)];
}
