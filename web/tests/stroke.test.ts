import { expect, test } from "vitest";
import { inkOf } from "../src/picture.ts";
import { paint, smooth } from "../src/stroke.ts";

const dot = { x: 10, y: 10, r: 5 };

test("a dot covers the area of its circle", () => {
  const area = paint([{ points: [dot] }], 20, 20).data.reduce((sum, ink) => sum + ink, 0);
  expect(area).toBeGreaterThan(0.97 * Math.PI * 25);
  expect(area).toBeLessThan(1.03 * Math.PI * 25);
});

test("what is painted twice is no darker, and an eraser takes it away", () => {
  const once = paint([{ points: [dot] }], 20, 20);
  expect(paint([{ points: [dot] }, { points: [dot] }], 20, 20)).toEqual(once);
  const wider = { points: [{ ...dot, r: 7 }], isEraser: true };
  expect(paint([{ points: [dot] }, wider], 20, 20).data.every((ink) => ink === 0)).toBe(true);
});

test("half the scale is a quarter of the ink", () => {
  const sum = (scale: number): number =>
    paint([{ points: [dot, { x: 30, y: 12, r: 5 }] }], 60, 60, scale).data.reduce(
      (all, ink) => all + ink,
      0,
    );
  expect(sum(0.5) / sum(1)).toBeCloseTo(0.25, 1);
});

test("smoothing keeps the ends, and takes tremor away", () => {
  const points = Array.from({ length: 21 }, (_, x) => ({ x, y: x % 2 ? 1 : -1, r: 1 }));
  const calm = smooth(points);
  expect([calm[0], calm.at(-1)]).toEqual([points[0], points.at(-1)]);
  expect(Math.max(...calm.slice(8, -8).map(({ y }) => Math.abs(y)))).toBeLessThan(0.5);
  expect(smooth([dot])).toEqual([dot]);
});

test("a photograph: paper under a lamp is taken away, of either polarity", () => {
  const [width, height] = [240, 160];
  for (const isChalk of [false, true]) {
    const data = new Uint8ClampedArray(4 * width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const isStroke = x > 100 && x < 108 && y > 40 && y < 120;
        const paper = 230 - 0.4 * x; // darker to the right
        const value = isStroke ? 40 : paper;
        data.fill(isChalk ? 255 - value : value, 4 * (y * width + x), 4 * (y * width + x) + 3);
      }
    }
    const ink = inkOf({ width, height, data }, false, 1_000_000);
    expect(ink.data[80 * width + 104]).toBeGreaterThan(0.9);
    expect(ink.data[80 * width + 30]).toBe(0);
    expect(ink.data[80 * width + 220]).toBe(0);
  }
});
