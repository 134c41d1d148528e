import { describe, expect, it } from "vitest";
import { inkOf, isCutOutClose } from "../src/picture.ts";

const SIDE_PX = 240;

/** Bars of 4 px on a sheet, on a table: grey of each, 0 to 255. */
function photo(bar: number, sheet: number, table: number) {
  const data = new Uint8ClampedArray(SIDE_PX * SIDE_PX * 4).fill(255);
  const isBar: boolean[] = [];
  for (let y = 0; y < SIDE_PX; y++)
    for (let x = 0; x < SIDE_PX; x++) {
      const isSheet = x >= 60 && x < 180 && y >= 50 && y < 190;
      isBar.push(isSheet && y >= 90 && y < 120 && x >= 80 && x < 120 && (x - 80) % 20 < 4);
      const noise = ((x * 7919 + y * 104_729) % 7) - 3;
      const grey = (isBar.at(-1) ? bar : isSheet ? sheet : table) + noise;
      data.fill(grey, 4 * isBar.length - 4, 4 * isBar.length - 1);
    }
  return { picture: { width: SIDE_PX, height: SIDE_PX, data }, isBar };
}

describe("ink of a sheet on a table", () => {
  it.each([
    ["dark on light, dark table", 60, 210, 40],
    ["dark on light, light table", 60, 180, 230],
    ["pencil, dark table", 110, 200, 60],
    ["light on dark, light table", 220, 50, 200],
    ["light on dark, dark table", 220, 90, 30],
  ])("%s: the bars are ink and the sheet is not", (_, bar, sheet, table) => {
    const { picture, isBar } = photo(bar, sheet, table);
    const { data } = inkOf(picture, false, SIDE_PX * SIDE_PX);
    const bars = data.filter((_, at) => isBar[at]!);
    const around = data.filter((_, at) => {
      const [x, y] = [at % SIDE_PX, Math.floor(at / SIDE_PX)];
      return !isBar[at]! && x >= 70 && x < 170 && y >= 60 && y < 180;
    });
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(bars)).toBeGreaterThan(0.6);
    expect(mean(around)).toBeLessThan(0.05);
  });
});

describe("ink of bold strokes, cut out close", () => {
  it.each([
    ["dark on light", 20, 240],
    ["light on dark", 235, 15],
  ])("%s: paper is thinner than they are", (_, bar, paper) => {
    const [width, height] = [150, 60];
    const isBar = Array.from({ length: width * height }, (_, at) => {
      const [x, y] = [at % width, Math.floor(at / width)];
      return x >= 4 && x < 146 && y >= 4 && y < 56 && (x - 4) % 18 < 14;
    });
    const data = new Uint8ClampedArray(width * height * 4).fill(255);
    isBar.forEach((is, at) => data.fill(is ? bar : paper, 4 * at, 4 * at + 3));
    const ink = inkOf({ width, height, data }, false, width * height).data;
    expect(Math.min(...ink.filter((_, at) => isBar[at]!))).toBeGreaterThan(0.5);
    expect(Math.max(...ink.filter((_, at) => !isBar[at]!))).toBeLessThan(0.1);
  });
});

describe("a picture that is cut out close", () => {
  /** Bars of 4 px from `top` to `bottom` of 40 rows, and how dark each pixel of the paper is. */
  function bars(top: number, bottom: number, shade: (x: number, y: number) => number) {
    const [width, height] = [120, 40];
    const data = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let at = 0; at < width * height; at++) {
      const [x, y] = [at % width, Math.floor(at / width)];
      const isBar = y >= top && y < bottom && x >= 10 && x < 110 && x % 20 < 4;
      data.fill(isBar ? 30 : 240 - shade(x, y), 4 * at, 4 * at + 3);
    }
    return { width, height, data };
  }
  const none = () => 0;
  it.each([
    ["strokes reach the border", bars(8, 40, none), true],
    ["strokes end at the border's neighbour", bars(0, 38, none), true],
    ["no stroke reaches it", bars(8, 32, none), false],
    ["a table's corner is seen", bars(8, 32, (x, y) => (y > 39 - x / 20 ? 180 : 0)), false],
    ["a line lies along a side", bars(8, 32, (_, y) => (y >= 38 ? 210 : 0)), false],
    ["a shadow lies on it", bars(8, 40, (x) => x), false],
  ])("%s", (_, picture, expected) => {
    expect(isCutOutClose(picture)).toBe(expected);
  });
});
