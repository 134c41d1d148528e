/** The second graph says the same as the first, and shows what is in between. */

import { beforeAll, expect, test } from "vitest";
import { Layers, PATCH_PX, STEP_PX } from "../src/layers.ts";
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

test("a place matters by how much surer the answer is when no patch covers it", async () => {
  const seven = probabilities(whole, rule).indexOf(Math.max(...probabilities(whole, rule)));
  expect(seven).toBe(7);
  const mattered = (await layers.occlusion(whole.glyph, seven, rule, async () => false))!;
  expect(mattered[0]).toBe(0); // a corner, far from any ink
  const most = mattered.indexOf(Math.max(...mattered));
  const [y, x] = [Math.floor(most / 28), most % 28];
  const logOdds = async (glyph: Float32Array): Promise<number> => {
    const probability = probabilities((await layers.activations(glyph)).output, rule)[seven]!;
    return Math.log(probability / (1 - probability));
  };
  const before = await logOdds(whole.glyph);
  const falls: number[] = [];
  for (let top = 0; top + PATCH_PX <= 28; top += STEP_PX) {
    for (let left = 0; left + PATCH_PX <= 28; left += STEP_PX) {
      const isOver = top <= y && y < top + PATCH_PX && left <= x && x < left + PATCH_PX;
      if (!isOver) continue;
      const covered = whole.glyph.map((ink, at) => {
        const [row, column] = [Math.floor(at / 28) - top, (at % 28) - left];
        const isIn = row >= 0 && row < PATCH_PX && column >= 0 && column < PATCH_PX;
        return isIn ? 0 : ink;
      });
      if (covered.some((ink, at) => ink !== whole.glyph[at]))
        falls.push(before - (await logOdds(covered)));
    }
  }
  const mean = falls.reduce((sum, fall) => sum + fall, 0) / falls.length;
  expect(mattered[most]).toBeCloseTo(mean, 2);
  expect(mean).toBeGreaterThan(0);
});

test("it stops when something newer was asked for", async () => {
  expect(await layers.occlusion(whole.glyph, 7, rule, async () => true)).toBeUndefined();
});
