/** From ink to what is written in it. As Python's `reader.py`. */

import type { Segment } from "./atoms.ts";
import { type Mark, readAgain, type Speak } from "./clusters.ts";
import { SURE, inCompany } from "./company.ts";
import { atAnyWidth, judge, type Output, probabilities, type Rule } from "./decide.ts";
import { cropped, type Ink, padded, plane } from "./image.ts";
import { choose, noneSharesOf } from "./lattice.ts";
import { amongLetters } from "./letters.ts";
import { isCutOff } from "./marks.ts";
import { type Box, type Digit, makePage, type Page } from "./page.ts";
import { findAtoms, findLines } from "./segment.ts";
import { asSigns } from "./signs.ts";
import { isStretched, narrowed, WIDTHS } from "./stretched.ts";

const MOST_READ_TWICE = 600; // marks of a page
const MARGIN_PX = 2; // so that what does not touch the rim of the page still does not

/** What the network says of crops of any sizes, in their order. */
export type Run = (crops: readonly Ink[]) => Promise<Output[]>;

/** A digit with what explains it. */
export interface SeenDigit extends Digit {
  readonly probabilities: readonly number[];
  readonly glyph: Float32Array;
  readonly ink: Ink;
}

export interface Options {
  readonly model?: string;
  readonly isOneLine?: boolean;
  readonly areDigits?: boolean;
  readonly isWhole?: boolean;
  readonly scale?: number;
  readonly speak?: Speak | undefined;
}

export interface Look {
  readonly page: Page;
  /** In reading order, as in the page. */
  readonly digits: readonly SeenDigit[];
}

/**
 * Read the ink of a page; boxes are in pixels of the ink, times `scale`. `areDigits`: somebody says
 * that these are digits, so that none of them is taken for a letter, nor a 1 alone for a bar.
 * `isWhole`: what reaches the border does not go on behind it. `speak` asks the line reader, where
 * the bundle has one.
 */
export async function readInk(
  ink: Ink,
  rule: Rule,
  run: Run,
  {
    model = "",
    isOneLine = false,
    areDigits = false,
    isWhole = false,
    scale = 1,
    speak,
  }: Options = {},
): Promise<Look> {
  const started = performance.now();
  const margin = isWhole ? MARGIN_PX : 0;
  const { left, top, part } = inked(padded(ink, margin, 0));
  const lettersOf: LettersOf = (rows, options) =>
    isOneLine || areDigits
      ? rows.map((row) => new Float64Array(row.length))
      : amongLetters(rows, rule.classes, options);
  const { marks, note } = rule.rejects
    ? await readAtoms(part, rule, run, isOneLine, lettersOf, speak)
    : await readSegments(findLines(part, isOneLine), rule, run);
  const isPage = !areDigits && !isOneLine;
  const signs = isPage ? asSigns(marks, rule.classes) : [];
  const by = (one: Rule): SeenDigit[][] =>
    marks.map((row, number) =>
      row.map((mark, index) => {
        const isSign = Boolean(signs[number]?.[index]);
        const isDoubted = mark.isDoubted || isCutOff(mark.box, part) || isSign;
        return seen({ ...mark, isDoubted }, one);
      }),
    );
  const place = ([x, y, width, height]: Box): Box => {
    const [fromX, toX] = within(left + x - margin, width, ink.width);
    const [fromY, toY] = within(top + y - margin, height, ink.height);
    return scaled([fromX, fromY, toX - fromX, toY - fromY], scale);
  };
  const letters = lettersOf(marks).map((row, number) =>
    row.map((letter, index) => (signs[number]?.[index] === 1 ? 1 : letter)),
  );
  const lines = inCompany(by(rule), letters, {
    usual: by({ ...rule, threshold: SURE }),
    isCrowded: Boolean(note),
    areDigits: areDigits || isOneLine,
  }).map((row) => row.map((digit) => ({ ...digit, box: place(digit.box) })));
  return {
    page: makePage(lines, model, performance.now() - started, note),
    digits: lines.flat(),
  };
}

/** Read ink that is one digit, whatever it looks like; one that was stretched, at several widths. */
export async function readDigits(inks: readonly Ink[], rule: Rule, run: Run): Promise<SeenDigit[]> {
  const outputs = await run(inks);
  const stretched = inks.filter(isStretched);
  const narrower = stretched.flatMap((ink) => WIDTHS.map((width) => narrowed(ink, width)));
  const narrow = narrower.length ? await run(narrower) : [];
  let next = 0;
  return inks.map((ink, index) => {
    const box = [0, 0, ink.width, ink.height] as const;
    if (ink.data.some((value) => value > 0)) {
      const mark = markOf({ box, ink }, outputs[index]!, rule);
      if (ink !== stretched[next / WIDTHS.length]) return seen(mark, rule);
      const looks = [outputs[index]!, ...narrow.slice(next, (next += WIDTHS.length))];
      const { together, surest } = atAnyWidth(looks.map((look) => probabilities(look, rule)));
      return seen({ ...mark, probabilities: together, glyph: looks[surest]!.glyph }, rule);
    }
    const blank = { value: "", confidence: 0, status: "blank", alternatives: [] } as const;
    return { ...blank, box, ink, probabilities: [], glyph: outputs[index]!.glyph };
  });
}

type LettersOf = (rows: Mark[][], options?: { mayTouch: boolean }) => Float64Array[];

async function readAtoms(
  ink: Ink,
  rule: Rule,
  run: Run,
  isOneLine: boolean,
  lettersOf: LettersOf,
  speak: Speak | undefined,
): Promise<{ marks: Mark[][]; note: string }> {
  const { lines, note } = findAtoms(ink, isOneLine);
  const outputs = await run(lines.flatMap((line) => line.segments.map((segment) => segment.ink)));
  let next = 0;
  const candidates = lines.map((line) =>
    line.segments.map((segment) => markOf(segment, outputs[next++]!, rule)),
  );
  const judged = candidates.map((all) => all.map((mark) => mark.probabilities));
  const noneShares = noneSharesOf(lines, judged);
  const choices = lines.map((line, number) => choose(line, judged[number]!, noneShares[number]!));
  let marks = choices.map(({ runs, certainty }, number) =>
    runs.map((index, place): Mark => ({
      ...candidates[number]![index]!,
      certainty: certainty[place]!,
    })),
  );
  // On a page with more marks than anybody writes digits, none is read twice.
  if (speak && !note && marks.flat().length <= MOST_READ_TWICE) {
    const letters = lettersOf(marks, { mayTouch: true });
    const read: Mark[][] = [];
    for (const [number, row] of marks.entries()) {
      const [line, choice] = [lines[number]!, choices[number]!];
      read.push(await readAgain(line, choice, row, letters[number]!, speak));
    }
    marks = read;
  }
  return { marks: marks.filter((row) => row.length > 0), note };
}

async function readSegments(
  lines: readonly (readonly Segment[])[],
  rule: Rule,
  run: Run,
): Promise<{ marks: Mark[][]; note: string }> {
  const outputs = await run(lines.flat().map((segment) => segment.ink));
  let next = 0;
  const marks = lines.map((line) => line.map((segment) => markOf(segment, outputs[next++]!, rule)));
  return { marks, note: "" };
}

function markOf({ box, ink }: Segment, output: Output, rule: Rule): Mark {
  const judged = probabilities(output, rule);
  return { box, probabilities: judged, certainty: 1, glyph: output.glyph, ink, isDoubted: false };
}

function seen(mark: Mark, rule: Rule): SeenDigit {
  const { box, probabilities: judged, certainty, glyph, ink, isDoubted } = mark;
  return {
    ...judge(judged, box, rule, certainty, isDoubted),
    probabilities: Array.from(judged.subarray(0, -1), (value) => value * certainty),
    glyph,
    ink,
  };
}

/** The part of a page that has ink, with paper around it, as much as there is. */
function inked(ink: Ink): { left: number; top: number; part: Ink } {
  const { width, height, data } = ink;
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!data[y * width + x]) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  if (left > right) return { left: 0, top: 0, part: plane(1, 1) };
  left = Math.max(0, left - MARGIN_PX);
  top = Math.max(0, top - MARGIN_PX);
  right = Math.min(width, right + 1 + MARGIN_PX);
  bottom = Math.min(height, bottom + 1 + MARGIN_PX);
  return { left, top, part: cropped(ink, left, top, right - left, bottom - top) };
}

/** The part of a stretch that lies on a side: its start and its end. */
function within(start: number, length: number, side: number): [number, number] {
  return [Math.max(start, 0), Math.min(start + length, side)];
}

function scaled([x, y, width, height]: Box, scale: number): Box {
  const left = Math.round(x * scale);
  const top = Math.round(y * scale);
  const right = Math.round((x + width) * scale);
  const bottom = Math.round((y + height) * scale);
  return [left, top, Math.max(right - left, 1), Math.max(bottom - top, 1)];
}
