/** The few operations on pixels that reading needs, each as OpenCV does it. */

/** A picture of one channel, row by row. As ink: in [0, 1], 1 is a stroke. */
export interface Plane<T extends Float32Array | Uint8Array | Int32Array = Float32Array> {
  readonly width: number;
  readonly height: number;
  readonly data: T;
}

/** Side of the glyph, the square that the network sees. */
export const GLYPH_PX = 28;

/** float32 in [0, 1]; 1 is a stroke and 0 is paper. */
export type Ink = Plane<Float32Array>;

export function plane(width: number, height: number): Ink {
  return { width, height, data: new Float32Array(width * height) };
}

/** The nearest whole number, and of two that are as near the even one, as Python rounds. */
export function roundEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Connected parts of what is not 0: labels from 1, in the order of their first pixels. */
export function components(
  mask: Plane<Uint8Array>,
  connectivity: 4 | 8,
): { labels: Plane<Int32Array>; count: number } {
  const { width, height, data } = mask;
  const labels = new Int32Array(width * height);
  const stack = new Int32Array(width * height);
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    labels[start] = ++count;
    stack[0] = start;
    for (let size = 1; size > 0;) {
      const at = stack[--size]!;
      const x = at % width;
      const top = at < width ? 0 : -1;
      const bottom = at >= (height - 1) * width ? 0 : 1;
      const left = x === 0 ? 0 : -1;
      const right = x === width - 1 ? 0 : 1;
      for (let dy = top; dy <= bottom; dy++) {
        for (let dx = left; dx <= right; dx++) {
          if (connectivity === 4 && dx !== 0 && dy !== 0) continue;
          const next = at + dy * width + dx;
          if (data[next] && !labels[next]) {
            labels[next] = count;
            stack[size++] = next;
          }
        }
      }
    }
  }
  return { labels: { width, height, data: labels }, count };
}

/** A part of a picture, which lies within it. */
export function cropped(
  picture: Ink,
  left: number,
  top: number,
  width: number,
  height: number,
): Ink {
  const part = plane(width, height);
  for (let y = 0; y < height; y++) {
    const row = (top + y) * picture.width + left;
    part.data.set(picture.data.subarray(row, row + width), y * width);
  }
  return part;
}

/** A picture with `margin` pixels of one value about it. */
export function padded({ width, height, data }: Ink, margin: number, value: number): Ink {
  const result = plane(width + 2 * margin, height + 2 * margin);
  result.data.fill(value);
  for (let row = 0; row < height; row++) {
    const at = (row + margin) * result.width + margin;
    result.data.set(data.subarray(row * width, (row + 1) * width), at);
  }
  return result;
}

/** Shrink by the area of each pixel (INTER_AREA). */
export function shrink(picture: Ink, width: number, height: number): Ink {
  const narrow = transposed(shrunkRows(picture, width));
  return transposed(shrunkRows(narrow, height));
}

function shrunkRows({ width, height, data }: Ink, to: number): Ink {
  const result = plane(to, height);
  const step = width / to;
  for (let x = 0; x < to; x++) {
    const low = x * step;
    const high = Math.min(low + step, width);
    for (let from = Math.floor(low); from < high - 1e-9; from++) {
      const share = (Math.min(from + 1, high) - Math.max(from, low)) / (high - low);
      for (let y = 0; y < height; y++) {
        const at = y * to + x;
        result.data[at] = result.data[at]! + data[y * width + from]! * share;
      }
    }
  }
  return result;
}

export function transposed({ width, height, data }: Ink): Ink {
  const result = plane(height, width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) result.data[x * height + y] = data[y * width + x]!;
  return result;
}

/** Enlarge or shrink by interpolating between the middles of pixels (INTER_LINEAR). */
export function stretch(picture: Ink, width: number, height: number): Ink {
  const data = new Float32Array(width * height);
  const xs = Array.from({ length: width }, (_, x) => between(x, width, picture.width));
  for (let y = 0; y < height; y++) {
    const [top, bottom, low] = between(y, height, picture.height);
    for (let x = 0; x < width; x++) {
      const [left, right, part] = xs[x]!;
      const above = mix(picture.data, top * picture.width, left, right, part);
      const below = mix(picture.data, bottom * picture.width, left, right, part);
      data[y * width + x] = above + (below - above) * low;
    }
  }
  return { width, height, data };
}

function mix(data: Float32Array, row: number, left: number, right: number, part: number): number {
  return data[row + left]! * (1 - part) + data[row + right]! * part;
}

function between(at: number, to: number, from: number): [number, number, number] {
  const place = Math.min(Math.max(((at + 0.5) * from) / to - 0.5, 0), from - 1);
  const low = Math.floor(place);
  return [low, Math.min(low + 1, from - 1), place - low];
}

const AXIAL = Math.round(0.955 * 65536);
const DIAGONAL = Math.round(1.3693 * 65536);

/** How far each pixel is from the next one that is 0 (DIST_L2 with a 3×3 mask). */
export function distances({ width, height, data }: Plane<Uint8Array>): Ink {
  const framed = width + 2;
  const steps = new Int32Array(framed * (height + 2)).fill(1 << 30);
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * framed + 1; x < width; x++, at++) {
      const before = at - framed;
      steps[at] = data[y * width + x]
        ? Math.min(
            steps[before - 1]! + DIAGONAL,
            steps[before]! + AXIAL,
            steps[before + 1]! + DIAGONAL,
            steps[at - 1]! + AXIAL,
            1 << 30,
          )
        : 0;
    }
  }
  const result = plane(width, height);
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1, at = (y + 1) * framed + width; x >= 0; x--, at--) {
      const after = at + framed;
      steps[at] = Math.min(
        steps[at]!,
        steps[after - 1]! + DIAGONAL,
        steps[after]! + AXIAL,
        steps[after + 1]! + DIAGONAL,
        steps[at + 1]! + AXIAL,
      );
      result.data[y * width + x] = steps[at]! / 65536;
    }
  }
  return result;
}

/** The value below which a share of the values lies, linear between neighbours. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const ordered = Float64Array.from(values).sort();
  const position = share * (ordered.length - 1);
  const low = Math.floor(position);
  const below = ordered[low]!;
  return below + (position - low) * (ordered[Math.min(low + 1, ordered.length - 1)]! - below);
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
