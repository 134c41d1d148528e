/** From logits to a status. As Python's `decide.py`. */

import { alternatives, type Box, type Digit } from "./page.ts";
import { logSumExp } from "./split.ts";

const MIN_PAIR = 0.5; // ink that no pair of classes explains to this probability is no digit
const MOST_AGAINST = 0.99; // of what a digit is surer than another, by which it stays so
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

/**
 * Judge a digit whose width is not known, by its probabilities at several: of each class, and last
 * that it is none. The surest digit counts, as sure as the mean of the two widths that say so most;
 * half of what speaks for another digit, at any width, speaks against it. `surest` is the width at
 * which the most probable digit is surest.
 */
export function atAnyWidth(judged: readonly Float64Array[]): {
  together: Float64Array;
  surest: number;
} {
  const numClasses = judged[0]!.length - 1;
  const most = Array.from({ length: numClasses }, (_, of) =>
    Math.max(...judged.map((p) => p[of]!)),
  );
  const value = most.indexOf(Math.max(...most));
  const order = [...judged.keys()].sort((one, two) => judged[two]![value]! - judged[one]![value]!);
  const two = order.slice(0, 2).map((width) => judged[width]!);
  const together = two[0]!.map((_, of) => (two[0]![of]! + two.at(-1)![of]!) / 2);
  most[value] = 0;
  const other = most.indexOf(Math.max(...most));
  const more = Math.max(together[value]! - together[other]!, 0);
  const against = Math.min(most[other]!, MOST_AGAINST * more) / 2;
  together[value]! -= against;
  together[other]! += against;
  const ofDigits = together.subarray(0, numClasses);
  const best = ofDigits.indexOf(Math.max(...ofDigits));
  const ofBest = judged.map((p) => p[best]!);
  return { together, surest: ofBest.indexOf(Math.max(...ofBest)) };
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
