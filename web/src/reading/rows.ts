/** Rows whose digits touch: a mark that reaches over them, cut where they meet. As `imaging/rows.py`. */

import { cropped, type Ink, median, type Plane, roundEven, shrink, stretch } from "./image.ts";
import { heightOf, type Mark, typicalHeight, widthOf } from "./marks.ts";
import { pieces, type Seam, seams } from "./split.ts";

// Shares of the height of a typical neighbour; see Python for what each one means.
const TALL = 1.5;
const BESIDE = 1.5;
const LOWEST = 0.25;
const HIGHEST = 0.8;
const LOW = 0.6;
const HIGH = 1.35;
const UPRIGHT = 0.8;
const MIN_NEIGHBOURS = 3;
const MAX_GAP = 0.6;
const MAX_OVERLAP = 0.35;
const LEVEL = 0.45;
const NEAR = 0.4;
const SPACING = 0.12;
const MAX_CUT_STROKES = 3.5;
const SHIFT = 0.5;
const MAX_SEAMS = 20;
const CUT_HEIGHT_PX = 72;
const MAX_ZOOM = 6;
const MAX_ROUNDS = 4;
const MAX_CUTS = 300;

/** Part the marks that reach over rows of digits; `labels` is changed. */
export function withoutTouchingRows(
  ink: Ink,
  labels: Plane<Int32Array>,
  marks: readonly Mark[],
  stroke_px: number,
): Mark[] {
  let found = [...marks];
  let label = labels.data.reduce((most, each) => Math.max(most, each), 0);
  let numCuts = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const rest: Mark[] = [];
    const parts: Mark[] = [];
    for (const mark of found) {
      const place = numCuts < MAX_CUTS ? betweenRows(found, mark) : undefined;
      const seam = place && bestSeam(ink, labels, mark, place, stroke_px);
      if (!seam) {
        rest.push(mark);
        continue;
      }
      numCuts++;
      const cut = partsOf(labels, mark, seam, label + 1);
      label += 2;
      parts.push(...cut);
    }
    if (!parts.length) break;
    found = [...rest, ...parts];
  }
  return found;
}

interface Place {
  readonly y: number;
  readonly scale_px: number;
}

/** Where rows meet within a mark, and how high their digits are; undefined if it is of one row. */
function betweenRows(marks: readonly Mark[], mark: Mark): Place | undefined {
  const { left, top, right, bottom } = mark;
  const height = bottom - top;
  const beside = marks.filter(
    (other) =>
      other !== mark &&
      other.left < right + BESIDE * height &&
      other.right > left - BESIDE * height &&
      other.bottom > top &&
      other.top < bottom &&
      heightOf(other) > LOWEST * height &&
      heightOf(other) < HIGHEST * height &&
      heightOf(other) > UPRIGHT * widthOf(other),
  );
  if (beside.length < MIN_NEIGHBOURS) return undefined;
  const scale_px = typicalHeight(beside);
  if (height < TALL * scale_px) return undefined;
  const near = beside.filter(
    (other) => heightOf(other) > LOW * scale_px && heightOf(other) < HIGH * scale_px,
  );
  const numRows = Math.max(2, roundEven(height / scale_px));
  for (let row = 1; row < numRows; row++) {
    const at = row * (height / numRows) + top;
    const isUpper = (other: Mark): boolean => (other.top + other.bottom) / 2 < at;
    const upper = near.filter((other) => isUpper(other) && other.bottom > at - scale_px);
    const lower = near.filter((other) => !isUpper(other) && other.top < at + scale_px);
    const isFew = upper.length + lower.length < MIN_NEIGHBOURS;
    if (isFew || !upper.length || !lower.length) continue;
    const end = median(upper.map((other) => other.bottom));
    const start = median(lower.map((other) => other.top));
    if (start - end <= -MAX_OVERLAP * scale_px || start - end >= MAX_GAP * scale_px) continue;
    const beyond_px = Math.max(
      Math.abs(median(upper.map((other) => other.top)) - top),
      Math.abs(median(lower.map((other) => other.bottom)) - bottom),
    );
    if (numRows > 2 || beyond_px < LEVEL * scale_px) return { y: (end + start) / 2, scale_px };
  }
  return undefined;
}

/** The best way through a mark from side to side, near a place, and the zoom it was found at. */
function bestSeam(
  ink: Ink,
  labels: Plane<Int32Array>,
  mark: Mark,
  { y, scale_px }: Place,
  stroke_px: number,
): { seam: Seam; zoom: number } | undefined {
  const [width, height] = [widthOf(mark), heightOf(mark)];
  const crop = cropped(ink, mark.left, mark.top, width, height);
  const lying = { width: height, height: width, data: new Float32Array(width * height) };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (labels.data[(mark.top + row) * labels.width + mark.left + column] !== mark.label)
        continue;
      lying.data[column * height + row] = crop.data[row * width + column]!;
    }
  }
  const zoom = Math.min(MAX_ZOOM, CUT_HEIGHT_PX / scale_px);
  const resize = zoom < 1 ? shrink : stretch;
  const size = [height, width].map((side) => Math.max(2, roundEven(side * zoom)));
  const found = seams(resize(lying, size[0]!, size[1]!), {
    spacing_px: SPACING * scale_px * zoom,
    maxCut_px: MAX_CUT_STROKES * Math.max(stroke_px * zoom, 1),
    maxSeams: MAX_SEAMS,
  });
  let best: Seam | undefined;
  let least = Infinity;
  for (const seam of found) {
    const off_px = Math.abs(median(seam.x) / zoom - (y - mark.top));
    const cost = seam.cut_px + SHIFT * off_px;
    if (off_px < NEAR * scale_px && cost < least) [best, least] = [seam, cost];
  }
  return best && { seam: best, zoom };
}

/** The marks above and below a seam; their pixels in `labels` get the numbers from `first` on. */
function partsOf(
  labels: Plane<Int32Array>,
  mark: Mark,
  { seam, zoom }: { seam: Seam; zoom: number },
  first: number,
): Mark[] {
  const [width, height] = [widthOf(mark), heightOf(mark)];
  const number = pieces(height, width, [seam], zoom); // lying: columns are rows of the page
  const boxes = [0, 1].map((index) => ({
    left: mark.right,
    top: mark.bottom,
    right: 0,
    bottom: 0,
    area: 0,
    label: first + index,
  }));
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = (mark.top + row) * labels.width + mark.left + column;
      if (labels.data[at] !== mark.label) continue;
      const box = boxes[number[column * height + row]!]!;
      labels.data[at] = box.label;
      box.left = Math.min(box.left, mark.left + column);
      box.top = Math.min(box.top, mark.top + row);
      box.right = Math.max(box.right, mark.left + column + 1);
      box.bottom = mark.top + row + 1;
      box.area++;
    }
  }
  return boxes.filter((box) => box.area);
}
