/**
 * Recorded strokes: each digit in three ways of writing it, in a square of about 100 × 140.
 *
 * A stroke is a list of points that a hand passes; after `|` it goes straight from one to the next.
 */

import type { Page } from "@playwright/test";

export const STYLES: Record<string, readonly (readonly string[])[]> = {
  "0": [
    ["50,5 25,20 12,60 22,110 50,130 78,112 90,65 78,22 50,6"],
    ["62,6 40,20 26,60 22,100 36,128 58,122 76,90 82,45 76,15 58,5"],
    ["85,60 80,100 55,128 28,115 14,75 24,25 52,6 76,20 86,62"],
  ],
  "1": [["|50,8 48,70 50,130"], ["|28,40 52,8 50,130"], ["|30,36 54,8 54,128", "|28,130 80,129"]],
  "2": [
    ["20,35 35,10 60,8 78,28 72,55 45,90 16,126 50,126 88,124"],
    ["22,32 42,8 72,14 76,42 50,86 24,116 16,122 30,110 50,118 70,130 90,118"],
    ["|18,22 50,8 80,24 76,50 18,128 86,127"],
  ],
  "3": [
    ["20,18 48,6 74,22 70,48 44,62 72,74 82,100 60,126 30,126 14,110"],
    ["|18,10 78,10 44,56 74,66 84,96 64,126 32,128 14,114"],
    ["24,24 44,6 68,14 70,38 50,58 42,60 66,64 80,86 72,114 46,130 18,118"],
  ],
  "4": [
    ["|30,10 18,75 84,74", "|66,40 64,132"],
    ["|62,8 14,88 88,87", "|62,8 62,132"],
    ["|66,130 68,8 14,84 90,86"],
  ],
  "5": [
    ["|76,10 28,10 22,60 50,52 78,70 80,104 56,128 20,120"],
    ["28,12 24,62 52,54 80,76 76,112 46,130 16,116", "|28,12 80,10"],
    ["74,8 32,14 26,56 56,54 76,80 66,116 38,128 14,116"],
  ],
  "6": [
    ["68,8 36,40 18,86 26,120 54,130 78,110 74,84 48,74 22,92"],
    ["60,6 34,44 22,92 36,126 64,124 78,98 60,78 34,88 24,104"],
    ["50,6 26,60 18,100 36,128 66,126 80,104 66,82 40,84 20,100"],
  ],
  "7": [
    ["|14,14 82,12 40,130"],
    ["|16,14 84,12 44,130", "|28,70 78,66"],
    ["|16,30 18,12 84,14 62,60 46,130"],
  ],
  "8": [
    ["70,26 48,8 26,24 34,48 66,76 80,104 56,130 24,118 22,92 50,66 72,42 70,24"],
    ["50,8 28,24 34,52 52,60 72,48 74,22 50,8", "52,60 22,82 20,112 48,130 78,114 80,82 52,60"],
    ["76,20 50,6 28,22 40,52 70,80 76,110 50,130 24,112 36,78 66,50 78,20"],
  ],
  "9": [
    ["74,34 50,10 24,28 26,58 50,68 72,52 76,22 74,60 66,130"],
    ["76,30 52,8 26,24 24,54 46,66 72,50 78,20 78,80 62,122 32,126"],
    ["72,40 54,12 28,24 26,54 48,64 70,50", "|76,10 74,132"],
  ],
};

type Dot = readonly [x: number, y: number];

/** Draw one digit with the mouse; its square begins at (x, y) of the sheet. */
export async function draw(
  page: Page,
  strokes: readonly string[],
  x: number,
  y: number,
  height: number,
): Promise<void> {
  const sheet = (await page.locator("#pad").boundingBox())!;
  for (const stroke of strokes) {
    const [first, ...others] = dots(stroke).map(([dx, dy]): Dot => [
      sheet.x + x + (dx * height) / 140,
      sheet.y + y + (dy * height) / 140,
    ]);
    await page.mouse.move(...first!);
    await page.mouse.down();
    for (const dot of others) await page.mouse.move(...dot);
    await page.mouse.up();
  }
}

/** The points of a stroke, close together. */
function dots(stroke: string): Dot[] {
  const isStraight = stroke.startsWith("|");
  const given = stroke
    .replace("|", "")
    .split(" ")
    .map((dot) => dot.split(",").map(Number) as unknown as Dot);
  const result: Dot[] = [];
  for (let index = 0; index + 1 < given.length; index++) {
    const [one, other] = [given[index]!, given[index + 1]!];
    const [before, after] = [given[index - 1] ?? one, given[index + 2] ?? other];
    for (let part = 0; part < 8; part++) {
      const t = part / 8;
      result.push(
        [0, 1].map((axis) => {
          const [a, b, c, d] = [before, one, other, after].map((dot) => dot[axis]!) as [
            number,
            number,
            number,
            number,
          ];
          if (isStraight) return b + (c - b) * t;
          // Catmull and Rom 1974: smooth, and through all points.
          return (
            b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
          );
        }) as unknown as Dot,
      );
    }
  }
  return [...result, given.at(-1)!];
}
