/** The second graph says the same as the first, and shows what is in between. */

import { beforeAll, expect, test } from "vitest";
import { Layers } from "../src/layers.ts";
import { Network } from "../src/network.ts";
import { probabilities, ruleOf } from "../src/reading/decide.ts";
import type { Output } from "../src/reading/decide.ts";
import { paint } from "../src/stroke.ts";
import { shippedBundle, useWasm } from "./files.ts";

const { model, manifest } = shippedBundle();
const rule = ruleOf(manifest);
let layers: Layers;
let whole: Output;

beforeAll(async () => {
  useWasm();
  const points = [
    { x: 20, y: 20, r: 4 },
    { x: 70, y: 20, r: 4 },
    { x: 40, y: 110, r: 4 },
  ];
  const network = await Network.open(model);
  whole = (await network.run([paint([{ points }], 100, 140)]))[0]!;
  layers = await Layers.open(model);
});

test("from the glyph on, the logits are those of the whole graph", async () => {
  const { layers: shown, output } = await layers.activations(whole.glyph);
  output.logits.forEach((logit, index) => expect(logit).toBeCloseTo(whole.logits[index]!, 3));
  expect(output.novelty).toBeCloseTo(whole.novelty, 3);
  expect(shown.length).toBeGreaterThan(0);
  for (const { maps, width, height, data } of shown) {
    expect(data.length).toBe(maps * width * height);
    expect(Math.min(...data)).toBe(0); // rectified
    expect(Math.max(...data)).toBeGreaterThan(0);
  }
});

test("only ink can matter, and covering the stroke makes the answer less sure", async () => {
  const seven = probabilities(whole, rule).indexOf(Math.max(...probabilities(whole, rule)));
  expect(seven).toBe(7);
  const mattered = (await layers.occlusion(whole.glyph, seven, rule, async () => false))!;
  expect(mattered[0]).toBe(0); // a corner, far from any ink
  expect(Math.max(...mattered)).toBeGreaterThan(1);
});

test("it stops when something newer was asked for", async () => {
  expect(await layers.occlusion(whole.glyph, 7, rule, async () => true)).toBeUndefined();
});
