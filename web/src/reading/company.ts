/** What the neighbours of a mark say of it: among letters, an o is no 0. As `company.py`. */

import type { Mark } from "./clusters.ts";
import { median } from "./image.ts";

// How much more often a mark looks like that among letters than among digits.
const NONE = 13; // no digit
const ALIKE: Readonly<Record<string, number>> = { "0": 0.6, "1": 0.6, "5": 0.4 }; // o, l, s
const OTHER = 0.05;
const NONE_OR_TOUCHING = 5; // no digit, where it may yet be several
const UNKNOWN = 1;
const SURELY_NONE = 0.5; // of probability: from here on, it looks like no digit
const SMALL = 0.5; // in heights: a comma or a dash tells nothing

const CHANGES = 0.05; // how probably a letter follows a digit within a word, or a digit a letter
const LINE_PRIOR = 4; // so many marks more are as on the page
const PAGE_PRIOR = 4; // ... or as usual
const USUAL = 0.05; // share of letters where nothing is known
const ROUNDS = 4;
const SPACE = 0.35; // between words, in heights

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
  const parts = lines.map((line) => {
    const odds = oddsOf(line, classes, ofNone);
    return wordsOf(line).map((word) => ({ word, odds: word.map((index) => odds[index]!) }));
  });
  const found = lines.map((line) => new Float64Array(line.length));
  let ofLine = lines.map(() => USUAL);
  for (let round = 0; round < ROUNDS; round++) {
    parts.forEach((words, number) => {
      for (const { word, odds } of words) {
        const letters = ofWord(odds, ofLine[number]!);
        word.forEach((index, place) => (found[number]![index] = letters[place]!));
      }
    });
    const counts = found.map((line) => ({ all: line.length, letters: sumOf(line) }));
    const all = sumOf(counts.map((count) => count.all));
    const letters = sumOf(counts.map((count) => count.letters));
    const ofPage = (letters + PAGE_PRIOR * USUAL) / (all + PAGE_PRIOR);
    ofLine = counts.map(
      (count) => (count.letters + LINE_PRIOR * ofPage) / (count.all + LINE_PRIOR),
    );
  }
  return found;
}

/** Which marks of a line stand together, from left to right. */
function wordsOf(line: readonly Mark[]): number[][] {
  const space = SPACE * median(line.map(({ box }) => box[3]));
  const order = [...line.keys()].sort((one, other) => line[one]!.box[0] - line[other]!.box[0]);
  const found: number[][] = [];
  let right = -Infinity;
  for (const index of order) {
    const [x, , width] = line[index]!.box;
    if (x - right > space) found.push([]);
    found.at(-1)!.push(index);
    right = Math.max(right, x + width);
  }
  return found;
}

/** How much more probable each mark is of letters than of digits, by itself. */
function oddsOf(line: readonly Mark[], classes: string, ofNone: number): number[] {
  const typical = median(line.map(({ box }) => box[3]));
  return line.map(({ box, probabilities, isDoubted }) => {
    const none = probabilities.at(-1)!;
    const ofDigits = probabilities.subarray(0, -1);
    const alike = ALIKE[classes[ofDigits.indexOf(Math.max(...ofDigits))]!] ?? OTHER;
    const odds = alike + (ofNone - alike) * Math.min(none / SURELY_NONE, 1);
    const isSmall = none > SURELY_NONE && box[3] < SMALL * typical;
    return isSmall || (isDoubted && odds < UNKNOWN) ? UNKNOWN : odds;
  });
}

/** How probably each mark of a word is a letter, where such a share of a line are. */
function ofWord(odds: readonly number[], share: number): number[] {
  const before: [number, number][] = [];
  let state: [number, number] = [1 - share, share];
  for (const here of odds) {
    state = normal([state[0], state[1] * here]);
    before.push(state);
    state = changed(state);
  }
  let after: [number, number] = [1, 1];
  return [...odds]
    .map((here, index) => ({ here, index }))
    .reverse()
    .map(({ here, index }) => {
      const [digit, letter] = before[index]!;
      const [, found] = normal([digit * after[0], letter * after[1]]);
      after = normal(changed([after[0], after[1] * here]));
      return found;
    })
    .reverse();
}

const changed = ([digit, letter]: [number, number]): [number, number] => [
  digit * (1 - CHANGES) + letter * CHANGES,
  digit * CHANGES + letter * (1 - CHANGES),
];

function normal([one, other]: [number, number]): [number, number] {
  return [one / (one + other), other / (one + other)];
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
