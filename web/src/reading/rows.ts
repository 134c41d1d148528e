/** Rows whose digits touch: a mark that reaches over them, cut where they meet. As `imaging/rows.py`. */

import { type Ink, median, type Plane, roundEven, shrink, stretch } from "./image.ts";
import { heightOf, type Mark, typicalHeight, widthOf, withoutFrames } from "./marks.ts";
import { pieces, type Seam, seams } from "./split.ts";

// Shares of the height of a typical neighbour; see Python for what each one means.
const TALL = 1.5;
const WIDEST = 6;
const BESIDE = 1.5;
const LOWEST = 0.15;
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
const SHIFT = 0.25;
const MAX_SEAMS = 20;
const CUT_HEIGHT_PX = 72;
const MAX_ZOOM = 6;
const MAX_ROUNDS = 4;
const MAX_TRIES = 300;

/** Where two rows meet within a mark, and how high their digits are; pixels of the page. */
interface Place {
  readonly y: number;
  readonly scale_px: number;
}

/** Part the marks that reach over rows of digits; `labels` is changed. */
export function withoutTouchingRows(
  ink: Ink,
  labels: Plane<Int32Array>,
  marks: readonly Mark[],
  stroke_px: number,
): readonly Mark[] {
  let nextLabel = labels.data.reduce((most, label) => Math.max(most, label), 0) + 1;
  let numTries = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const isCut = new Set<Mark>();
    const parts: Mark[] = [];
    for (const { mark, place } of meetings(marks)) {
      if (isCut.has(mark) || numTries === MAX_TRIES) continue;
      numTries++;
      const { seam, zoom } = bestSeam(ink, labels, mark, place, stroke_px);
      if (!seam) continue;
      isCut.add(mark);
      parts.push(...partsOf(labels, mark, seam, zoom, nextLabel));
      nextLabel += 2;
    }
    if (!parts.length) break;
    marks = [...marks.filter((mark) => !isCut.has(mark)), ...parts];
  }
  return marks;
}

/** Each mark of several rows, and where they meet, from the top. */
function* meetings(marks: readonly Mark[]): Generator<{ mark: Mark; place: Place }> {
  for (const mark of withoutFrames(marks)) {
    const { left, top, right, bottom } = mark;
    const height = bottom - top;
    const beside = marks.filter(
      (other) =>
        heightOf(other) > UPRIGHT * widthOf(other) &&
        heightOf(other) > LOWEST * height &&
        heightOf(other) < HIGHEST * height &&
        other.bottom > top &&
        other.top < bottom &&
        other.left < right + BESIDE * height &&
        other.right > left - BESIDE * height,
    );
    if (beside.length < MIN_NEIGHBOURS) continue;
    const scale_px = typicalHeight(beside);
    if (height < TALL * scale_px || right - left > WIDEST * scale_px) continue;
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
      const begin = median(upper.map((other) => other.top));
      const stop = median(lower.map((other) => other.bottom));
      if (
        start - end > -MAX_OVERLAP * scale_px &&
        start - end < MAX_GAP * scale_px &&
        (row > 1 || Math.abs(begin - top) < LEVEL * scale_px) &&
        (row < numRows - 1 || Math.abs(stop - bottom) < LEVEL * scale_px)
      ) {
        yield { mark, place: { y: (end + start) / 2, scale_px } };
      }
    }
  }
}

/** The best way through a mark from side to side, near a place, and the zoom it is found at. */
function bestSeam(
  ink: Ink,
  labels: Plane<Int32Array>,
  mark: Mark,
  { y, scale_px }: Place,
  stroke_px: number,
): { seam: Seam | undefined; zoom: number } {
  const [width, height] = [widthOf(mark), heightOf(mark)];
  const lying = { width: height, height: width, data: new Float32Array(width * height) };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = (mark.top + row) * ink.width + mark.left + column;
      if (labels.data[at] === mark.label) lying.data[column * height + row] = ink.data[at]!;
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
    const off_px = Math.abs(median(seam.x) - (y - mark.top) * zoom);
    const cost = seam.cut_px + SHIFT * off_px;
    if (off_px < NEAR * scale_px * zoom && cost < least) [best, least] = [seam, cost];
  }
  return { seam: best, zoom };
}

/** The marks above and below a seam; their pixels get the labels from `first` on. */
function partsOf(
  labels: Plane<Int32Array>,
  mark: Mark,
  seam: Seam,
  zoom: number,
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
