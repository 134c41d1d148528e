/** What digits are worth beside each other; values worked out by hand. */

import { expect, test } from "vitest";
import { inCompany } from "../src/reading/company.ts";
import type { Mark as Judged } from "../src/reading/clusters.ts";
import { amongLetters } from "../src/reading/letters.ts";
import type { Box, Digit, Status } from "../src/reading/page.ts";
import { asSlashes, inParentheses } from "../src/reading/signs.ts";
import { digit } from "./digits.ts";

const statuses = (line: Digit[], letters: number[], options = {}): Status[] =>
  inCompany([line], [Float64Array.from(letters)], options)[0]!.map(({ status }) => status);

test("what is probably a letter is no digit, and what may be one is not sure", () => {
  const line = [digit("ok", "4"), digit("ok", "4"), digit("ok", "4"), digit("review", "4")];
  expect(statuses(line, [0.01, 0.2, 0.95, 0.2])).toEqual(["ok", "review", "reject", "review"]);
  expect(statuses(line.slice(0, 3), [0.2, 0.2, 0.9])).toEqual(["ok", "ok", "reject"]);
});

test("where nothing is sure and most marks are none, nothing is a digit", () => {
  const strange = Array.from({ length: 4 }, () => digit("reject", "4"));
  const letters = [0, 0, 0, 0, 0, 0];
  const first = (...some: Digit[]): Status[] =>
    statuses([...some, ...strange], letters).slice(0, some.length);
  expect(first(digit("ok", "1"), digit("review", "1"))).toEqual(["reject", "reject"]);
  expect(first(digit("review", "4"))).toEqual(["reject"]);
  expect(first(digit("ok", "4"), digit("review", "4"))).toEqual(["ok", "review"]);
  expect(statuses([digit("review", "4"), ...strange.slice(1)], letters)[0]).toBe("review");
});

test.each<[string, Box[], Status]>([
  ["the foot of a 3 whose pen skipped", [[11, 24, 12, 9]], "review"],
  ["its head", [[11, -9, 12, 6]], "review"],
  ["a foot in two pieces", [[11, 24, 12, 9], [20, 26, 8, 7]], "review"], // prettier-ignore
  ["letters below it", [[11, 24, 12, 9], [32, 24, 12, 9]], "ok"], // prettier-ignore
  ["what is too far away", [[11, 30, 12, 9]], "ok"],
  ["what is too low", [[11, 24, 12, 3]], "ok"],
  ["what is too wide", [[2, 24, 40, 9]], "ok"],
  ["what is beside it", [[20, 24, 12, 9]], "ok"],
])("a digit above %s", (_, pieces, expected) => {
  const whole: Digit = { ...digit("ok", "2"), box: [12, 0, 10, 20] };
  const rest = pieces.map((box): Digit => ({ ...digit("reject", "9"), box }));
  const letters = [new Float64Array(1), new Float64Array(rest.length)];
  const [line] = inCompany([[whole], rest], letters);
  expect(line![0]!.status).toBe(expected);
});

test("what is left out is not for the dial to say", () => {
  const strange = Array.from({ length: 4 }, () => digit("reject", "4"));
  const lineOf = (...of: Status[]): Digit[] => [...of.map((one) => digit(one, "4")), ...strange];
  const first = (byDial: Digit[], usual: Digit[], isCrowded = false): Status[] =>
    statuses(byDial, [0, 0, 0, 0, 0, 0], { usual: [usual], isCrowded }).slice(0, 2);
  const [strict, loose] = [lineOf("review", "review"), lineOf("ok", "ok")];
  const usual = lineOf("ok", "review");
  expect(first(strict, usual)).toEqual(["review", "review"]);
  expect(first(strict, strict)).toEqual(["reject", "reject"]);
  expect(first(loose, strict)).toEqual(["reject", "reject"]);
  expect(first(strict, usual, true)).toEqual(["review", "reject"]);
  expect(first(loose, usual, true)).toEqual(["ok", "reject"]);
});

/** A line of words, as `tests/marks.py` does: an x is surely none, and a ? is a 4 or none. */
function wordsOf(...words: string[]): Judged[] {
  let x = 0;
  return words.flatMap((word) => {
    const of = [...word].map((mark): Judged => {
      const probabilities = new Float64Array(11);
      if (mark === "?") probabilities[4] = probabilities[10] = 0.5;
      else probabilities[mark === "x" ? 10 : Number(mark)] = 1;
      x += 12;
      return {
        box: [x - 12, 0, 10, 20],
        probabilities,
        certainty: 1,
        glyph: new Float32Array(784),
        ink: { width: 1, height: 1, data: new Float32Array(1) },
        isDoubted: false,
      };
    });
    x += 18;
    return of;
  });
}

const CLASSES = "0123456789";

test("among letters, what looks like a digit is a letter; a number keeps to itself", () => {
  const lettersIn = (...words: string[]): Float64Array =>
    amongLetters([wordsOf(...words)], CLASSES)[0]!;
  expect(Math.max(...lettersIn("40719", "23"))).toBeLessThan(0.05);
  expect(Math.min(...lettersIn("x0xx1", "xx5xx"))).toBeGreaterThan(0.9);
  expect(Math.max(...lettersIn("xxxxx", "943", "xxx").slice(5, 8))).toBeLessThan(0.05);
  for (const sign of ["x1", "5x", "1x1x2"]) {
    lettersIn(sign).forEach((letter, index) => {
      if (sign[index] !== "x") expect(letter).toBeLessThan(0.8);
    });
  }
  expect(amongLetters([], CLASSES)).toEqual([]);
  expect(lettersIn()).toEqual(new Float64Array(0));
});

test("a line is weighed as Python weighs it", () => {
  const python = [0.694198, 0.572917, 0.508944, 0.374732, 0.301117, 0.424946, 0.034308];
  const [found] = amongLetters([wordsOf("x1?07x", "3"), wordsOf("xxx", "5")], CLASSES);
  python.forEach((letter, index) => expect(found![index]).toBeCloseTo(letter, 6));
});

test("print tells nothing of a digit far larger, as Python has it", () => {
  const python = [0.991905, 0.991537, 0.009734, 0.933263];
  const line = wordsOf("xx3x").map((mark, index): Judged => {
    return index === 2 ? { ...mark, box: [mark.box[0], -30, 10, 70] } : mark;
  });
  const [, found] = amongLetters([wordsOf("xxxx", "xx"), line, wordsOf("xx0x")], CLASSES);
  python.forEach((letter, index) => expect(found![index]).toBeCloseTo(letter, 6));
});

test("what is sure stays so, and what is not is none in a crowd", () => {
  expect(statuses([digit("ok", "4"), digit("reject", "4")], [0, 0])).toEqual(["ok", "reject"]);
  expect(statuses([digit("review", "4")], [0], { isCrowded: true })).toEqual(["reject"]);
  const foliage = [digit("ok", "4"), digit("ok", "4"), digit("ok", "4")];
  const rejected = ["reject", "reject", "reject"];
  expect(statuses(foliage, [0.2, 0.2, 0.2], { isCrowded: true })).toEqual(rejected);
});

test("bars alone are no sure 1s, unless somebody says so", () => {
  expect(statuses([digit("ok"), digit("ok")], [0, 0])).toEqual(["review", "review"]);
  expect(statuses([digit("ok")], [0], { areDigits: true })).toEqual(["ok"]);
});

test("nor are rings alone sure 0s, but ovals are", () => {
  const zero = (width: number): Digit => ({ ...digit("ok", "0"), box: [0, 0, width, 40] });
  expect(statuses([zero(38)], [0])).toEqual(["review"]);
  expect(statuses([zero(38)], [0], { areDigits: true })).toEqual(["ok"]);
  expect(statuses([zero(38), digit("ok", "4")], [0, 0])).toEqual(["ok", "ok"]);
  expect(statuses([zero(28), digit("ok")], [0, 0])).toEqual(["ok", "ok"]);
});

test("a 1 that reaches beyond its neighbours, above and below, may be a slash", () => {
  const at = (x: number, value: string, top = 0, bottom = 20): Digit => ({
    ...digit("ok", value),
    box: [x, top, 10, bottom - top],
  });
  const date = [at(0, "4"), at(12, "1", -4, 24), at(24, "7")];
  expect(statuses(date, [0, 0, 0])).toEqual(["ok", "review", "ok"]);
  expect(statuses(date, [0, 0, 0], { areDigits: true })).toEqual(["ok", "ok", "ok"]);
  const tail = [at(0, "4"), at(12, "1", 0, 24), at(24, "7")];
  expect(statuses(tail, [0, 0, 0])).toEqual(["ok", "ok", "ok"]);
  expect(statuses([at(0, "4"), at(12, "1", -4, 24)], [0, 0])).toEqual(["ok", "ok"]);
});

test.each([
  ["14071", { 0: 0.15, 4: -0.15 }, [0, 4]],
  ["14071", { 0: 0.05, 4: -0.05 }, []],
  ["14071", { 0: -0.15, 4: 0.15 }, []],
  ["24072", { 0: 0.15, 4: -0.15 }, []],
  ["11", { 0: 0.15, 1: -0.15 }, []],
] as [string, Record<number, number>, number[]][])(
  "1s that enclose others may be parentheses: %s %o",
  (text, bows, expected) => {
    const line = wordsOf(text).map((mark, index): Judged => {
      const glyph = new Float32Array(784);
      for (let row = 0; row < 20; row++) {
        const middle = 14 + (bows[index] ?? 0) * 20 * (((row - 9.5) / 9.5) ** 2 - 0.5);
        for (let x = 0; x < 28; x++)
          glyph[(4 + row) * 28 + x] = Math.min(Math.max(1.5 - Math.abs(x - middle), 0), 1);
      }
      return { ...mark, glyph };
    });
    const found = inParentheses(line, CLASSES).flatMap((may, at) => (may ? [at] : []));
    expect(found).toEqual(expected);
  },
);

test.each([
  ["7110", { 1: 0.6 }, [1]],
  ["7110", { 1: 0.3 }, []],
  ["7110", { 0: 0.5, 1: 0.6, 2: 0.6, 3: 0.5 }, []],
  ["1314", { 0: 0.7 }, []],
  ["413", { 1: -0.6 }, []],
  ["311", { 1: 0.7 }, []],
  ["x1x44", { 1: 0.7 }, []],
] as [string, Record<number, number>, number[]][])(
  "a 1 that leans more than the digits around may be a slash: %s %o",
  (text, leans, expected) => {
    const line = wordsOf(text).map((mark, index) => leaning(mark, leans[index] ?? 0.1));
    const [found] = asSlashes([line], CLASSES);
    expect(found!.flatMap((may, at) => (may === 0.5 ? [at] : []))).toEqual(expected);
  },
);

test.each([
  [0.35, 3, 3, 1],
  [0.25, 3, 3, 0],
  [0.35, 3, 2, 0],
  [0.35, 2, 3, 0],
  [0.7, 3, 3, 1],
  [0.7, 3, 2, 0.5],
])(
  "a 1 that leans and reaches beyond both neighbours is a slash: %s %s %s",
  (lean, above, below, expected) => {
    const line = wordsOf("68119").map((mark, index) => {
      return index === 2 ? leaning(taller(mark, above, below), lean) : leaning(mark, 0.1);
    });
    expect(asSlashes([line], CLASSES)).toEqual([[0, 0, expected, 0, 0]]);
  },
);

test.each([
  ["121412026", [2, 4], 3, 1],
  ["311126", [1, 3], 3, 1],
  ["311126", [1, 3], 2, 0.5],
  ["121412026", [2], 3, 0.5],
  ["401412026", [2, 4], 3, 0.5],
])("two 1s that lean and make a date are slashes: %s %o %s", (text, slanted, above, expected) => {
  const line = wordsOf(text).map((mark, at) => {
    const of = leaning(mark, slanted.includes(at) ? 0.6 : 0.1);
    return at === slanted[0] ? taller(of, above, 0) : of;
  });
  const [found] = asSlashes([line], CLASSES);
  expect(found).toEqual([...text].map((_, at) => (slanted.includes(at) ? expected : 0)));
});

test("the 1s of a page tell what a slash is", () => {
  const of = (leanOfOnes?: number): number => {
    const line = wordsOf("68127").map((mark) => leaning(mark, 0.1));
    line[2] = leaning(taller(line[2]!, 3, 3), 0.4);
    const ones = leanOfOnes === undefined ? [] : [[leaning(wordsOf("1")[0]!, leanOfOnes)]];
    return asSlashes([line, ...ones], CLASSES)[0]![2]!;
  };
  expect([of(), of(0.1), of(0.3)]).toEqual([0, 1, 0]);
});

function taller(mark: Judged, above: number, below: number): Judged {
  const [x, y, width, height] = mark.box;
  return { ...mark, box: [x, y - above, width, height + above + below] };
}

/** A bar of 20 rows that goes so far to the right, per row upwards. */
function leaning(mark: Judged, lean: number): Judged {
  const glyph = new Float32Array(784);
  for (let row = 4; row < 24; row++) {
    const middle = 14 - lean * (row - 13.5);
    for (let x = 0; x < 28; x++)
      glyph[row * 28 + x] = Math.min(Math.max(1.5 - Math.abs(x - middle), 0), 1);
  }
  return { ...mark, glyph };
}

test("a 0 behind a capital may be an o", () => {
  const capital = (height: number): Digit => {
    return { ...digit("reject", "0"), box: [0, 20 - height, 20, height] };
  };
  const line = (height: number, x: number): Digit[] => [
    capital(height),
    { ...digit("ok", "0"), box: [x, 0, 14, 20] },
    { ...digit("ok", "4"), box: [70, 0, 14, 20] },
  ];
  const of = (height: number, x: number): Status => statuses(line(height, x), [0, 0, 0])[1]!;
  expect([of(30, 22), of(20, 22), of(30, 32)]).toEqual(["review", "ok", "ok"]);
});

test("a 0 or 1 of another size than others may be a sign", () => {
  const small = (value: string, height: number): Digit => {
    return { ...digit("ok", value), box: [40, 0, height - 2, height] };
  };
  const others = [digit("ok", "4"), digit("ok", "4")].map((of): Digit => {
    return { ...of, box: [0, 0, 10, 20] };
  });
  const last = (value: string, height: number): Status =>
    statuses([...others, small(value, height)], [0, 0, 0])[2]!;
  expect([last("0", 9), last("1", 12)]).toEqual(["review", "review"]);
  expect([last("0", 37), last("1", 37)]).toEqual(["review", "review"]);
  expect([last("0", 11), last("1", 14), last("7", 9)]).toEqual(["ok", "ok", "ok"]);
});

test.each([
  ["121412026", [2, 4]],
  ["311126", [1, 3]],
  ["4012026", []],
  ["451412026", []],
])("two leaning 1s that make a date may be slashes: %s", (values, expected) => {
  const line = (width: number): Digit[] =>
    [...values].map((value, place) => ({
      ...digit("ok", value),
      box: [14 * place, 0, width, 20],
    }));
  const letters = [...values].map(() => 0);
  const found = statuses(line(10), letters).flatMap((of, at) => (of === "review" ? [at] : []));
  expect(found).toEqual(expected);
  expect(new Set(statuses(line(5), letters))).toEqual(new Set(["ok"]));
  expect(new Set(statuses(line(10), letters, { areDigits: true }))).toEqual(new Set(["ok"]));
});
