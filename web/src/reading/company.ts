/** What digits are worth beside each other. As Python's `company.py`. */

import { median } from "./image.ts";
import type { Box, Digit } from "./page.ts";
import { dateSlashes } from "./signs.ts";

/** The confidence from which a digit counts as sure where the dial, which may be set, has no say. */
export const SURE = 0.9;

const LETTER = 0.8; // what is so probably a letter is no digit
const MAYBE = 0.05; // ... and what may be one is not ok, but for a line of digits
const NUMBER = 3; // ... of so many or more, all of them sure
// A 1 that reaches so far above and below the digits on both sides, so near, may be a slash.
const BEYOND = 0.08; // in their heights
const NEAR = 1;
// ... and so may be two 1s that lean, so wide in their heights, where they make a date of a word.
const LEANING = 0.3;
// Beyond so much of the height of most, a 0 or a 1 may be a sign; but small 0s are common.
const USUAL: Readonly<Record<string, [number, number]>> = { "0": [0.5, 1.8], "1": [0.65, 1.8] };
const ROUND = 0.92; // a 0 is a ring if it is so nearly as wide as high
const [BESIDE, HIGHER] = [0.5, 1.15]; // a 0 so near to what is higher and no digit may be an o
// What lies above or below a digit may be a piece of it if it is so near and reaches so far into it,
// in heights of it, lies so much over it, in the narrower of both, and is so high and wide, in its.
const [ABOVE, INTO, OVER] = [0.4, 0.25, 0.5];
const [LEAST, WIDEST] = [0.2, 1.6];
const ROW = 1; // ... unless it is a letter: so near, in heights of the digit, is the next
// Where so many are no digits, and so many for each that may be one, it may be any photograph.
const [NONE, PER_DIGIT] = [4, 2];

/**
 * Judge digits by what stands beside them, given how probably each is a letter. What may be a
 * slash, an o or another sign, and bars and rings alone, are doubted unless they are digits; on a
 * crowded page, and where nothing is sure and most marks are none, whatever is not sure is no digit.
 * What is sure there, the same digits say when judged as sure from SURE on.
 */
export function inCompany<T extends Digit>(
  lines: readonly (readonly T[])[],
  letters: readonly Float64Array[],
  { usual = lines, isCrowded = false, areDigits = false }: Company<T> = {},
): T[][] {
  const seen = beside(lines, letters, isCrowded, areDigits);
  const told = usual === lines ? seen : beside(usual, letters, isCrowded, areDigits);
  const isPhotograph = !areDigits && !told.flat().some(isSure) && areMostNone(told.flat());
  if (!isCrowded && !isPhotograph) return seen;
  return seen.map((line, number) =>
    line.map((digit, index) =>
      told[number]![index]!.status === "review" ? { ...digit, status: "reject" } : digit,
    ),
  );
}

interface Company<T> {
  usual?: readonly (readonly T[])[];
  isCrowded?: boolean;
  areDigits?: boolean;
}

/** Reject letters, and doubt what may be a letter, a sign or anything. */
function beside<T extends Digit>(
  lines: readonly (readonly T[])[],
  letters: readonly Float64Array[],
  isCrowded: boolean,
  areDigits: boolean,
): T[][] {
  const judged = lines.map((line, number) =>
    among(line, letters[number]!, !isCrowded && isNumber(line)),
  );
  if (areDigits) return judged;
  const whole = withoutBroken(judged);
  const seen = withoutSigns(whole.map((line) => withoutOs(withoutDates(withoutSlashes(line)))));
  if (seen.flat().some((digit) => isSure(digit) && !isBarOrRing(digit))) return seen;
  return seen.map((line) =>
    line.map((digit) => (isSure(digit) ? { ...digit, status: "review" } : digit)),
  );
}

function isSure({ status }: Digit): boolean {
  return status === "ok";
}

function areMostNone(digits: readonly Digit[]): boolean {
  const numNone = digits.filter(({ status }) => status === "reject").length;
  return numNone >= Math.max(NONE, PER_DIGIT * (digits.length - numNone));
}

function among<T extends Digit>(line: readonly T[], letters: Float64Array, ofNumber: boolean): T[] {
  return line.map((digit, index) => {
    const letter = letters[index]!;
    if (letter > LETTER && digit.status !== "blank") return { ...digit, status: "reject" };
    const isDoubted = letter > MAYBE && isSure(digit) && !ofNumber;
    return isDoubted ? { ...digit, status: "review" } : digit;
  });
}

function isNumber(line: readonly Digit[]): boolean {
  return line.length >= NUMBER && line.every(isSure);
}

function withoutSlashes<T extends Digit>(line: readonly T[]): T[] {
  const beside = [...line];
  const kept = fromLeft(line);
  kept.slice(1, -1).forEach((index, place) => {
    const digit = line[index]!;
    const others = [line[kept[place]!]!, line[kept[place + 2]!]!];
    if (digit.value !== "1" || digit.status !== "ok") return;
    if (!others.every((other) => reachesBeyond(digit.box, other.box))) return;
    beside[index] = { ...digit, status: "review" };
  });
  return beside;
}

/** Doubt a 0 behind what is higher and no digit, as in No. 12. */
function withoutOs<T extends Digit>(line: readonly T[]): T[] {
  const beside = [...line];
  const order = [...line.keys()].sort((one, other) => line[one]!.box[0] - line[other]!.box[0]);
  order.slice(1).forEach((index, place) => {
    const [digit, other] = [line[index]!, line[order[place]!]!];
    const [x, , , height] = digit.box;
    const isNear = x - other.box[0] - other.box[2] < BESIDE * height;
    const isHigher = other.box[3] > HIGHER * height;
    if (digit.value !== "0" || digit.status !== "ok" || !isNear || !isHigher) return;
    // A 1 that was rejected may be a slash.
    if (other.status === "reject" && other.value !== "1")
      beside[index] = { ...digit, status: "review" };
  });
  return beside;
}

/** Doubt two leaning 1s that make a date of a word, such as 12/4/2026 or 3/11/26. */
function withoutDates<T extends Digit>(line: readonly T[]): T[] {
  const beside = [...line];
  const kept = fromLeft(line);
  const found = dateSlashes(
    kept.map((index) => {
      const { value, box } = line[index]!;
      return { value, box, leans: box[2] >= LEANING * box[3] };
    }),
  );
  for (const place of found) {
    const digit = line[kept[place]!]!;
    if (digit.status === "ok") beside[kept[place]!] = { ...digit, status: "review" };
  }
  return beside;
}

/** Doubt digits that may be broken: right above or below them lies one mark that is no digit. */
function withoutBroken<T extends Digit>(lines: readonly T[][]): T[][] {
  const flat = lines.flat();
  const rejected = flat.filter(({ status }) => status === "reject").map(({ box }) => box);
  const isBroken = ({ box }: Digit): boolean =>
    rejected.some((other) => isPiece(other, box) && !isInRow(other, box, rejected));
  return lines.map((line) =>
    line.map((digit) =>
      isSure(digit) && isBroken(digit) ? { ...digit, status: "review" } : digit,
    ),
  );
}

/** Whether a mark lies right above or below a digit, and is no larger than what it may lack. */
function isPiece([x, y, width, height]: Box, [left, top, across, high]: Box): boolean {
  const gap = Math.max(y - top - high, top - y - height);
  const overlap = Math.min(x + width, left + across) - Math.max(x, left);
  return (
    gap > -INTO * high &&
    gap < ABOVE * high &&
    overlap > OVER * Math.min(width, across) &&
    height > LEAST * high &&
    width < WIDEST * across
  );
}

/** Whether a mark stands beside another that is not at the digit, as letters of a word do. */
function isInRow([x, y, width, height]: Box, digit: Box, rejected: readonly Box[]): boolean {
  const half = Math.floor(digit[2] / 2);
  const [left, right] = [digit[0] - half, digit[0] + digit[2] + half];
  return rejected.some(
    ([otherX, otherY, otherWidth, otherHeight]) =>
      (otherX + otherWidth <= left || otherX >= right) &&
      Math.min(y + height, otherY + otherHeight) > Math.max(y, otherY) &&
      Math.max(otherX - x - width, x - otherX - otherWidth) < ROW * digit[3],
  );
}

/** Doubt 0s and 1s that are far lower or higher than most of what is sure on the page. */
function withoutSigns<T extends Digit>(lines: readonly T[][]): T[][] {
  const sure = lines.flat().filter(isSure);
  const usual = sure.length ? median(sure.map(({ box }) => box[3])) : 0;
  const isOdd = ({ value, box: [, , , height] }: Digit): boolean => {
    const [low, high] = USUAL[value] ?? [0, Infinity];
    return height < low * usual || height > high * usual;
  };
  return lines.map((line) =>
    line.map((digit) =>
      digit.status === "ok" && isOdd(digit) ? { ...digit, status: "review" } : digit,
    ),
  );
}

function isBarOrRing({ value, box: [, , width, height] }: Digit): boolean {
  const isRound = Math.min(width, height) > ROUND * Math.max(width, height);
  return value === "1" || (value === "0" && isRound);
}

/** Which of a line were not rejected, from left to right. */
function fromLeft(line: readonly Digit[]): number[] {
  return [...line.keys()]
    .filter((index) => line[index]!.status !== "reject")
    .sort((one, other) => line[one]!.box[0] - line[other]!.box[0]);
}

function reachesBeyond([x, y, width, height]: Box, [left, top, across, high]: Box): boolean {
  const isNear = Math.max(x - left - across, left - x - width) < NEAR * high;
  return isNear && top - y > BEYOND * high && y + height - top - high > BEYOND * high;
}
