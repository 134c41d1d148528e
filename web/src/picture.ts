/**
 * Ink from a photograph, the simple way: paper is what a closing leaves, and grey is enough.
 *
 * Python (`imaging/ink.py`) looks at colours, tables, rims and printed lines as well; so where the
 * service answers, it reads photographs, and the page says which one did.
 */

import {
  components,
  type Ink,
  median,
  padded,
  type Plane,
  plane,
  quantile,
  shrink,
  stretch,
  transposed,
} from "./reading/image.ts";

const PAPER_AREA_PX = 300 * 300;
const DARKEST_PAPER = 24 / 255;
const NOISE_MARGIN = 4;
const MIN_CONTRAST = 0.06;
const FULL_CONTRAST = 0.9;
const [BLACK, MUCH_INK] = [0.5, 0.35]; // of the light missing; where from such a share: bold
const THUMBNAIL_PX = 40;
const SAMPLE = 40_000;
const WIDTHS_PX = [3, 5, 9, 15, 27, 49];
const [LEAST_CONTRAST, DOUBT, DOUBT_SHARE] = [2 / 255, 0.02 / 255, 0.4];
const EVEN = 0.1; // of the contrast: what is so near to a shade has it
const [MOST, MOST_OF_EACH] = [0.85, 0.75]; // of a clean picture; of what is light in it, and dark
const SURROUNDED = 0.9; // of its border
const NEAR_PX = 3; // so near is at the border
const SEEN = 40 / 255; // what differs from paper by so much is a stroke
const RIM = 0.8; // of the shorter side: what lies along a side for so much is no digit
const NARROW_PX = 15; // of 300 or so: what is no wider is thin

/** RGBA, as a canvas gives it. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** The ink of a page of at most `area_px` pixels, or of one digit that fills its picture. */
export function inkOf(picture: Picture, isSingle: boolean, area_px: number): Ink {
  const grey = limited(greyOf(picture), area_px);
  const { width, height } = grey;
  const long = Math.max(width, height);
  const short = Math.min(width, height);
  if (isSingle && long <= THUMBNAIL_PX) return thumbnailInk(grey);
  const light = isLightOnDark(grey, isSingle) ? inverted(grey) : grey;
  const widest_px = isSingle ? Math.min(long * 0.6, short * 1.5) : Math.min(long / 8, short / 2);
  const paper = paperOf(light, widest_px);
  const absorbed = light.data.map((value, at) => {
    const whole = paper.data[at]!;
    return Math.max(0, whole - value) / Math.max(whole, DARKEST_PAPER);
  });
  return stretched({ width, height, data: absorbed });
}

/**
 * Whether this is a clean picture whose strokes reach its border, as where a form was cut up, so
 * that they do not go on behind it: as Python's `with_margin`, but of grey alone.
 */
export function isCutOutClose(picture: Picture): boolean {
  const grey = greyOf(picture);
  const sides = [grey, transposed(grey)].flatMap(({ width, height, data }) => {
    const near = Math.min(NEAR_PX, height) * width;
    return [data.subarray(0, near), data.subarray(-near)].map((side) => ({ side, width }));
  });
  const paper = median(sides.flatMap(({ side }) => Array.from(side)));
  const longest_px = Math.max(
    ...sides.map(({ side, width }) => {
      const isMet = new Array<boolean>(width).fill(false);
      side.forEach((value, at) => {
        if (Math.abs(value - paper) > SEEN) isMet[at % width] = true;
      });
      return longestRun(isMet);
    }),
  );
  // Nothing is there, or the rim of a window or a scan, or a table.
  if (longest_px === 0 || longest_px > RIM * Math.min(grey.width, grey.height)) return false;
  return groundOfClean(padded(limited(grey, PAPER_AREA_PX), NEAR_PX, paper)) !== null;
}

/** How many in a row are true, at most. */
function longestRun(truths: readonly boolean[]): number {
  let [run, longest] = [0, 0];
  for (const is of truths) {
    run = is ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** A few pixels of even ground: as Python's `digits_ink`. */
function thumbnailInk(grey: Ink): Ink {
  const ground = median(borderOf(grey));
  const below = ground - Math.min(...grey.data);
  const above = Math.max(...grey.data) - ground;
  const span = Math.max(below, above);
  const isDark = below > above;
  const full = span >= FULL_CONTRAST ? (isDark ? ground : 1 - ground) : span;
  const data = grey.data.map((value) =>
    span < MIN_CONTRAST ? 0 : Math.max(0, isDark ? ground - value : value - ground) / full,
  );
  return { ...grey, data };
}

function greyOf({ width, height, data }: Picture): Ink {
  const grey = plane(width, height);
  for (let at = 0; at < grey.data.length; at++) {
    const [red, green, blue] = [data[4 * at]!, data[4 * at + 1]!, data[4 * at + 2]!];
    grey.data[at] = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  }
  return grey;
}

function limited(picture: Ink, area_px: number): Ink {
  const scale = Math.sqrt(area_px / (picture.width * picture.height));
  if (scale >= 1) return picture;
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  return shrink(picture, side(picture.width), side(picture.height));
}

const inverted = (grey: Ink): Ink => ({ ...grey, data: grey.data.map((value) => 1 - value) });

/** Whether strokes are lighter than what they are on: as `polarity.py`, but of grey alone. */
function isLightOnDark(grey: Ink, isSingle: boolean): boolean {
  if (isSingle) {
    const ground = median(borderOf(grey));
    const reach = [Math.min(...sampled(grey.data)), Math.max(...sampled(grey.data))] as const;
    return ground - reach[0] <= reach[1] - ground;
  }
  const seen = limited(grey, PAPER_AREA_PX);
  const small = withoutSpecks(seen);
  const found = WIDTHS_PX.map((width_px) => {
    const reach = width_px >> 1;
    const closed = extreme(extreme(small, reach, Math.max), reach, Math.min).data;
    const opened = extreme(extreme(small, reach, Math.min), reach, Math.max).data;
    return [
      small.data.map((value, at) => value - opened[at]!),
      small.data.map((value, at) => closed[at]! - value),
    ] as const;
  });
  const noise = Math.max(LEAST_CONTRAST, ...found.slice(0, 2).flat().map(usual));
  const votes = found.map(
    ([lighter, darker]) => [meanAbove(lighter, noise), meanAbove(darker, noise)] as const,
  );
  const doubt = DOUBT + DOUBT_SHARE * Math.max(...votes.map(([light, dark]) => light + dark));
  let most = 0;
  let isLight = false;
  votes.forEach(([light, dark], index) => {
    const clarity = Math.abs(light - dark) / (light + dark + doubt) / WIDTHS_PX[index]! ** 1.5;
    if (clarity > most) [most, isLight] = [clarity, light > dark];
  });
  return isLight !== (most > 0 && isGround(seen, isLight));
}

/** Whether what seems to be strokes is the ground of a clean picture: as in `polarity.py`. */
function isGround(seen: Ink, isLight: boolean): boolean {
  if (groundOfClean(seen) !== isLight) return false;
  const [dark, light] = extremes(seen.data);
  const isAlike = seen.data.map((value) => Number(value > (dark + light) / 2 === isLight));
  const alike = padded({ ...seen, data: isAlike }, NARROW_PX, 1);
  const reach = NARROW_PX >> 1;
  const wide = extreme(extreme(alike, reach, Math.min), reach, Math.max).data;
  const labels = components({ ...alike, data: Uint8Array.from(alike.data) }, 4).labels.data;
  const thin = labels.filter((_, at) => alike.data[at]! > wide[at]!);
  return thin.filter((label) => label === labels[0]).length > thin.length / 2;
}

/** Whether the ground of a clean picture is light; null if it is not clean: as in `paper.py`. */
function groundOfClean(seen: Ink): boolean | null {
  const { data } = seen;
  const [dark, light] = extremes(data);
  const isLight = (value: number): boolean => value > (dark + light) / 2;
  const border = Float32Array.from(borderOf(seen));
  const shades = [data.filter(isLight), data.filter((value) => !isLight(value))];
  const near = shades.map((shade) => numNear(shade, light - dark));
  const isEven = shades.every((shade, at) => near[at]! >= MOST_OF_EACH * shade.length);
  const isSurrounded = numNear(border, light - dark) > SURROUNDED * border.length;
  if (!isEven || near[0]! + near[1]! <= MOST * data.length || !isSurrounded) return null;
  return isLight(median(border));
}

/** How dark and how light a picture is, but for a few pixels. */
const extremes = (data: Float32Array): [number, number] => [
  quantile(data, 0.02),
  quantile(data, 0.98),
];

/** How many values are as good as their median, for a contrast. */
function numNear(values: Float32Array, contrast: number): number {
  if (!values.length) return 0;
  const shade = median(values);
  return values.filter((value) => Math.abs(value - shade) <= EVEN * contrast).length;
}

/** What most of a picture does not exceed by chance. */
const usual = (values: Float32Array): number =>
  median(sampled(values)) + NOISE_MARGIN * spread(values);

function meanAbove(values: Float32Array, limit: number): number {
  let sum = 0;
  for (const value of values) sum += Math.max(value - limit, 0);
  return sum / values.length;
}

/** The median of 3×3 pixels around each. */
function withoutSpecks({ width, height, data }: Ink): Ink {
  const result = plane(width, height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const around: number[] = [];
      for (const dy of [-1, 0, 1])
        for (const dx of [-1, 0, 1]) {
          const row = Math.min(Math.max(y + dy, 0), height - 1);
          around.push(data[row * width + Math.min(Math.max(x + dx, 0), width - 1)]!);
        }
      result.data[y * width + x] = around.sort((one, other) => one - other)[4]!;
    }
  return result;
}

function borderOf({ width, height, data }: Plane): number[] {
  const border: number[] = [];
  for (let x = 0; x < width; x++) border.push(data[x]!, data[(height - 1) * width + x]!);
  for (let y = 1; y < height - 1; y++) border.push(data[y * width]!, data[(y + 1) * width - 1]!);
  return border;
}

/** The picture without anything dark that is narrower than `widest_px`. */
function paperOf(grey: Ink, widest_px: number): Ink {
  const small = limited(grey, PAPER_AREA_PX);
  const reach = Math.max(1, Math.round((widest_px * small.width) / grey.width / 2));
  const closed = extreme(extreme(small, reach, Math.max), reach, Math.min);
  return stretch(blurred(closed, Math.max(1, reach >> 2)), grey.width, grey.height);
}

/** The largest or smallest value within a square around each pixel. */
function extreme(picture: Ink, reach: number, pick: (one: number, other: number) => number): Ink {
  return transposed(rows(transposed(rows(picture))));

  function rows({ width, height, data }: Ink): Ink {
    const result = plane(width, height);
    // Doubling: the extreme of 2ⁿ neighbours is that of two overlapping runs of 2ⁿ⁻¹.
    const span = 2 * reach + 1;
    const run = new Float32Array(width + 2 * reach);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < run.length; x++) {
        run[x] = data[y * width + Math.min(Math.max(x - reach, 0), width - 1)]!;
      }
      for (let length = 1; length < span;) {
        const step = Math.min(length, span - length);
        for (let x = 0; x + step < run.length; x++) run[x] = pick(run[x]!, run[x + step]!);
        length += step;
      }
      result.data.set(run.subarray(0, width), y * width);
    }
    return result;
  }
}

/** The mean within a square around each pixel. */
function blurred(picture: Ink, reach: number): Ink {
  return transposed(rows(transposed(rows(picture))));

  function rows({ width, height, data }: Ink): Ink {
    const result = plane(width, height);
    for (let y = 0; y < height; y++) {
      const value = (x: number): number => data[y * width + Math.min(Math.max(x, 0), width - 1)]!;
      let sum = 0;
      for (let x = -reach; x <= reach; x++) sum += value(x);
      for (let x = 0; x < width; x++) {
        result.data[y * width + x] = sum / (2 * reach + 1);
        sum += value(x + reach + 1) - value(x - reach);
      }
    }
    return result;
  }
}

/** Take paper and its noise to 0 and strokes to 1; all to 0 if there are none. */
function stretched(absorbed: Ink): Ink {
  const all = sampled(absorbed.data);
  const paper = all.filter((value) => value < BLACK);
  const isMuch = paper.length > 0 && paper.length < (1 - MUCH_INK) * all.length;
  const sample = isMuch ? paper : all;
  const floor = median(sample) + NOISE_MARGIN * spread(sample);
  const peak = blurred(absorbed, 1).data.reduce((most, value) => Math.max(most, value), 0);
  const strong = sampled(absorbed.data.filter((value) => value > (floor + peak) / 2));
  if (peak - floor < MIN_CONTRAST || !strong.length) return plane(absorbed.width, absorbed.height);
  const full = quantile(strong, 0.9);
  const data = absorbed.data.map((value) =>
    Math.min(Math.max((value - floor) / (full - floor), 0), 1),
  );
  return { ...absorbed, data };
}

function sampled(values: Float32Array): Float32Array {
  const step = Math.ceil(values.length / SAMPLE);
  return step <= 1 ? values : values.filter((_, at) => at % step === 0);
}

/** A standard deviation that strokes and other outliers do not change. */
function spread(values: Float32Array): number {
  const sample = sampled(values);
  const middle = median(sample);
  return 1.4826 * median(sample.map((value) => Math.abs(value - middle)));
}
