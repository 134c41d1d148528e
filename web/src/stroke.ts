/** Strokes of a pen: smoothed, and painted as ink, the same way everywhere. */

import { type Ink, plane } from "./reading/image.ts";

/** A point of a stroke with the radius of the pen, all in pixels of the drawing. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

export interface Stroke {
  readonly points: readonly Point[];
  /** It takes ink away instead. */
  readonly isEraser?: boolean;
}

/** Take the tremor out of a stroke; its ends stay where they are. */
export function smooth(points: readonly Point[]): Point[] {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || points.length < 3) return [...points];
  const calm: Point[] = [first];
  for (const point of points.slice(1, -1)) calm.push(mix(calm.at(-1)!, point, 0.6));
  return corners(corners([...calm, last]));
}

/** Cut the corners off. Source: Chaikin 1974. */
function corners(points: readonly Point[]): Point[] {
  const result = [points[0]!];
  for (let index = 0; index + 1 < points.length; index++) {
    const [one, other] = [points[index]!, points[index + 1]!];
    result.push(mix(one, other, 0.25), mix(one, other, 0.75));
  }
  return [...result, points.at(-1)!];
}

function mix(one: Point, other: Point, share: number): Point {
  return {
    x: one.x + (other.x - one.x) * share,
    y: one.y + (other.y - one.y) * share,
    r: one.r + (other.r - one.r) * share,
  };
}

export function scaled({ points, ...rest }: Stroke, scale: number): Stroke {
  return {
    ...rest,
    points: points.map(({ x, y, r }) => ({ x: x * scale, y: y * scale, r: r * scale })),
  };
}

/** Paint strokes: a pixel is inked by the share of it that lies within the pen's reach. */
export function paint(strokes: readonly Stroke[], width: number, height: number, scale = 1): Ink {
  const ink = plane(width, height);
  for (const stroke of strokes) {
    const { points, isEraser } = scaled(stroke, scale);
    const cover = (at: number, share: number): void => {
      const now = ink.data[at]!;
      ink.data[at] = isEraser ? Math.min(now, 1 - share) : Math.max(now, share);
    };
    points.forEach((point, index) => paintPart(ink, points[index - 1] ?? point, point, cover));
  }
  return ink;
}

function paintPart(
  { width, height }: Ink,
  one: Point,
  other: Point,
  cover: (at: number, share: number) => void,
): void {
  const reach = Math.max(one.r, other.r) + 1;
  const left = Math.max(0, Math.floor(Math.min(one.x, other.x) - reach));
  const right = Math.min(width - 1, Math.ceil(Math.max(one.x, other.x) + reach));
  const top = Math.max(0, Math.floor(Math.min(one.y, other.y) - reach));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(one.y, other.y) + reach));
  const dx = other.x - one.x;
  const dy = other.y - one.y;
  const square = dx * dx + dy * dy;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const px = x + 0.5 - one.x;
      const py = y + 0.5 - one.y;
      const share = square ? Math.min(Math.max((px * dx + py * dy) / square, 0), 1) : 0;
      const away = Math.hypot(px - share * dx, py - share * dy);
      const covered = one.r + (other.r - one.r) * share - away + 0.5;
      if (covered > 0) cover(y * width + x, Math.min(covered, 1));
    }
  }
}
