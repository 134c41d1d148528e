/** The page reads what Python reads: web/golden/, written by scripts/write_golden.py. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { LineReader } from "../src/lines.ts";
import { Network } from "../src/network.ts";
import { inkOf as photoInk } from "../src/picture.ts";
import type { Speak } from "../src/reading/clusters.ts";
import { ruleOf, type Rule } from "../src/reading/decide.ts";
import type { Ink, Plane } from "../src/reading/image.ts";
import type { Box, Status } from "../src/reading/page.ts";
import { readDigits, readInk, type SeenDigit } from "../src/reading/reader.ts";
import { GOLDEN, readPng, shippedBundle, useWasm } from "./files.ts";

interface Expected {
  value: string;
  status: Status;
  confidence: number;
  box: Box;
}
interface Golden {
  members: Record<string, string>; // SHA-256 of each graph
  digits: (Expected & { label: number })[];
  pages: { name: string; text: string; status: Status; lines: Expected[][] }[];
  photos: { name: string; text: string }[];
}

const golden = JSON.parse(readFileSync(new URL("golden.json", GOLDEN), "utf8")) as Golden;
const { model, lines, manifest } = shippedBundle();
const PX = 28;
const COLUMNS = 20;
let network: Network;
let rule: Rule;
let speak: Speak | undefined; // where the bundle has a line reader

beforeAll(async () => {
  useWasm();
  network = await Network.open(model);
  rule = ruleOf(manifest);
  speak = lines && (await LineReader.open(lines, manifest)).speak;
});

test("the golden files are of the bundle that ships", () => {
  const advice = "write them again: python scripts/write_golden.py";
  const hash = (graph: Uint8Array): string => createHash("sha256").update(graph).digest("hex");
  const members = { "model.onnx": hash(model), ...(lines && { "lines.onnx": hash(lines) }) };
  expect(members, advice).toEqual(golden.members);
});

test("single digits", async () => {
  const sheet = readPng("digits.png");
  const inks = golden.digits.map((_, index) => inkOf(cell(sheet, index)));
  const digits = await readDigits(inks, rule, network.run);
  const read = (digit: Expected): string => `${digit.value} ${digit.status}`;
  expect(digits.map(read)).toEqual(golden.digits.map(read));
  expectAlike(digits, golden.digits, "digits-glyphs.png");
});

describe("drawings", () => {
  test.each(golden.pages)("$name", async ({ name, text, status, lines }) => {
    const picture = readPng(`${name}.png`);
    const ink = inkOf({ ...picture, data: picture.data.map((value) => 255 - value) });
    const { page, digits } = await readInk(ink, rule, network.run, { speak });
    expect([page.text, page.status]).toEqual([text, status]);
    const facts = ({ value, status, box }: Expected): unknown => [value, status, box];
    expect(page.lines.map((line) => line.digits.map(facts))).toEqual(
      lines.map((line) => line.map(facts)),
    );
    expectAlike(digits, lines.flat(), `${name}-glyphs.png`);
  });
});

/** As a camera gives them: their polarity and paper are the page's own work, so glyphs differ. */
describe("photographs", () => {
  test.each(golden.photos)("$name", async ({ name, text }) => {
    const { width, height, data } = readPng(`${name}.png`);
    const rgba = new Uint8ClampedArray(4 * data.length).fill(255);
    data.forEach((value, at) => rgba.fill(value, 4 * at, 4 * at + 3));
    const ink = photoInk({ width, height, data: rgba }, false, width * height);
    const { page } = await readInk(ink, rule, network.run, { speak });
    expect(page.text).toEqual(text);
  });
});

/** Glyphs within one grey level, and confidences within a hundredth. */
function expectAlike(
  digits: SeenDigit[] | readonly SeenDigit[],
  expected: Expected[],
  file: string,
): void {
  const glyphs = readPng(file);
  digits.forEach((digit, index) => {
    const theirs = cell(glyphs, index).data;
    const apart = Math.max(...digit.glyph.map((value, at) => Math.abs(value * 255 - theirs[at]!)));
    expect(apart, `glyph ${index}`).toBeLessThan(1.5); // theirs is rounded
    expect(Math.abs(digit.confidence - expected[index]!.confidence)).toBeLessThan(0.01);
  });
}

function cell(sheet: Plane<Uint8Array>, index: number): Plane<Uint8Array> {
  const left = (index % COLUMNS) * PX;
  const top = Math.floor(index / COLUMNS) * PX;
  const data = new Uint8Array(PX * PX);
  for (let y = 0; y < PX; y++) {
    const row = (top + y) * sheet.width + left;
    data.set(sheet.data.subarray(row, row + PX), y * PX);
  }
  return { width: PX, height: PX, data };
}

function inkOf({ width, height, data }: Plane<Uint8Array>): Ink {
  return { width, height, data: Float32Array.from(data, (value) => value / 255) };
}
