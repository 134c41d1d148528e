/** From logits to a status. As Python's `decide.py`. */

import { median } from "./image.ts";
import { alternatives, type Box, type Digit, type Status } from "./page.ts";
import { logSumExp } from "./split.ts";

const MIN_PAIR = 0.5; // ink that no pair of classes explains to this probability is no digit
const DOUBTFUL_LINE = 1 / 3;
const DOUBTFUL_PAGE = 1 / 2;
const LETTERS = 1 / 2; // of the marks of a word or a line of letters were rejected
const WORD = 3; // fewer marks do not tell whether they are letters, or a number
const LINE = 5;
const SPACE = 0.35; // between words, in heights
export const DEFAULT_MAX_ERROR = 0.002;

export interface DialRow {
  readonly max_error: number;
  readonly threshold: number;
  readonly share_answered: number;
}

/** What the page needs of a bundle's manifest. */
export interface Manifest {
  readonly name: string;
  readonly classes: string;
  readonly calibration: {
    readonly temperature: number;
    readonly rejects?: boolean;
    readonly dial: readonly DialRow[];
  };
  /** Of the line reader, where there is one. */
  readonly lines?: { readonly calibration?: { readonly temperature?: number } };
  readonly members: Readonly<Record<string, string>>;
}

/** How a bundle's logits are judged. */
export interface Rule {
  readonly temperature: number;
  readonly threshold: number;
  readonly classes: string;
  readonly rejects: boolean;
}

/** What the graph says of one digit. */
export interface Output {
  readonly glyph: Float32Array; // 28 × 28
  readonly logits: Float32Array; // one a class
  readonly novelty: number; // log-odds of "no digit"
}

/** Take the rule from a manifest: the laxest setting at least as strict as what is asked for. */
export function ruleOf(manifest: Manifest, maxError = DEFAULT_MAX_ERROR): Rule {
  const { temperature, rejects, dial } = manifest.calibration;
  const fitting = dial.filter((row) => row.max_error <= maxError);
  if (!fitting.length) throw new Error(`This model cannot promise ${maxError} errors.`);
  const row = fitting.reduce((one, other) => (other.max_error > one.max_error ? other : one));
  return {
    temperature,
    threshold: row.threshold,
    classes: manifest.classes,
    rejects: Boolean(rejects),
  };
}

/** What the line reader's logits are divided by. */
export function linesTemperature({ name, lines }: Manifest): number {
  const temperature = lines?.calibration?.temperature;
  if (typeof temperature === "number" && temperature > 0 && temperature < Infinity) {
    return temperature;
  }
  throw new Error(`The line reader of ${name} has no temperature that can be used.`);
}

/** Calibrated probabilities of each class, and that this is no digit, which comes last. */
export function probabilities({ logits, novelty }: Output, rule: Rule): Float64Array {
  const none = rule.rejects ? novelty + logSumExp(logits) : -Infinity;
  const scaled = Float64Array.from([...logits, none], (value) => value / rule.temperature);
  const total = logSumExp(scaled);
  return scaled.map((value) => Math.exp(value - total));
}

/** Judge one piece of ink, from what the graph says of it. */
export function decide(output: Output, box: Box, rule: Rule, certainty = 1): Digit {
  return judge(probabilities(output, rule), box, rule, certainty);
}

/**
 * Judge one piece of ink by the probabilities of each class, and last that it is no digit;
 * `certainty` is how sure it is that it is one digit and not a part. What is doubted is never ok,
 * however high its confidence.
 */
export function judge(
  judged: Float64Array,
  box: Box,
  rule: Rule,
  certainty = 1,
  isDoubted = false,
): Digit {
  const none = judged.at(-1)!;
  const ofDigits = judged.subarray(0, -1).map((value) => value * certainty);
  const confidence = Math.max(...ofDigits);
  const value = rule.classes[ofDigits.indexOf(confidence)]!;
  const [best, second] = [...ofDigits].sort((one, other) => other - one);
  const isRejected = rule.rejects ? none > 0.5 : best! + second! < MIN_PAIR;
  const isSure = confidence >= rule.threshold && !isDoubted;
  const status = isRejected ? "reject" : isSure ? "ok" : "review";
  return {
    value,
    confidence,
    status,
    box,
    alternatives: alternatives(rule.classes, ofDigits, value),
  };
}

/**
 * Doubt the digits that stand among what is no digit, but for a number of sure digits; take what
 * stands in a word of letters for none; and doubt bars alone, unless they are digits.
 */
export function inCompany<T extends Digit>(
  lines: readonly (readonly T[])[],
  { isCrowded = false, areDigits = false } = {},
): T[][] {
  const every = lines.flat();
  const areBars =
    !areDigits && every.every((digit) => digit.status !== "ok" || digit.value === "1");
  const isPageDoubtful = shareRejected(every) >= DOUBTFUL_PAGE;
  return lines.map((line) => {
    const ofLine = shareRejected(line);
    const isDoubtful = isPageDoubtful || ofLine >= DOUBTFUL_LINE;
    const isLineOfLetters = line.length >= LINE && ofLine >= LETTERS;
    const beside = [...line];
    for (const word of words(line)) {
      const digits = word.map((index) => line[index]!);
      const isSure = !isCrowded && (isNumber(digits) || isNumber(line));
      const isDoubted = areBars || (isDoubtful && !isSure);
      const isStrange = !areDigits && isOfLetters(digits, isLineOfLetters);
      const worse = (status: Status): Status => {
        if (isStrange && status !== "blank") return "reject";
        if (status === "ok" && isDoubted) return isCrowded ? "reject" : "review";
        return status === "review" && isCrowded ? "reject" : status;
      };
      for (const index of word) {
        beside[index] = { ...line[index]!, status: worse(line[index]!.status) };
      }
    }
    return beside;
  });
}

function isOfLetters(word: readonly Digit[], isLineOfLetters: boolean): boolean {
  if (word.length >= WORD && shareRejected(word) > LETTERS) return true;
  const count = (status: Status): number => word.filter((digit) => digit.status === status).length;
  return isLineOfLetters && count("reject") > 0 && count("ok") <= count("reject");
}

function isNumber(digits: readonly Digit[]): boolean {
  return digits.length >= WORD && digits.every((digit) => digit.status === "ok");
}

/** Which digits of a line stand together, from left to right. */
function words(line: readonly Digit[]): number[][] {
  const space = SPACE * median(line.map((digit) => digit.box[3]));
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

function shareRejected(digits: readonly Digit[]): number {
  const rejected = digits.filter((digit) => digit.status === "reject").length;
  return digits.length ? rejected / digits.length : 0;
}
