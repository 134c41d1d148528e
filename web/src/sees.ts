/** How the network sees one digit: ink, glyph, the activations of each layer, what mattered. */

import { byId, make } from "./dom.ts";
import type { Layer } from "./layers.ts";
import { GLYPH_PX, type Ink } from "./reading/image.ts";
import type { SeenDigit } from "./reading/reader.ts";

type Colour = readonly [number, number, number];

/** Show ink and glyph at once; the rest comes from `explain`, which takes a little longer. */
export function showSteps(
  digit: SeenDigit | undefined,
  explained: { layers: readonly Layer[]; mattered: Float32Array } | undefined,
): void {
  const steps = byId("steps");
  const answer = digit?.status === "reject" ? "no digit" : digit?.value;
  byId("sees-lead").textContent = digit
    ? `One digit on its way through the network, from what was written to ${answer}.`
    : "Write something, and follow one digit through the network.";
  const note = byId("sees-note");
  if (!digit) {
    note.textContent = "";
    return steps.replaceChildren();
  }
  const pen = colour("--pen");
  const ink = colour("--ink");
  const glyph = { width: GLYPH_PX, height: GLYPH_PX, data: digit.glyph };
  const cards = [
    step("Ink", "as written, cut out", grey(digit.ink, pen)),
    step("Glyph", "28 × 28, centred", grey(glyph, pen)),
  ];
  for (const layer of explained?.layers ?? []) {
    const size =
      layer.width > 1 && layer.height > 1
        ? `${layer.maps} maps of ${layer.width} × ${layer.height}`
        : `${layer.width} units`;
    cards.push(step(layer.name, size, maps(layer, ink)));
  }
  if (explained) {
    const heat = mattered(digit.glyph, explained.mattered, pen, ink, colour("--doubt"));
    const most = Math.max(...explained.mattered);
    cards.push(step("What mattered", `for ${answer}`, heat));
    note.textContent = `What mattered: a patch of 4 × 4 is covered with paper, at each place in turn, and the network runs again. Blue ink spoke for ${answer}, orange ink against it; the strongest patches cost ${most.toFixed(1)} in log-odds.`;
  }
  // What belonged to the digit before stays until its successor is there: nothing jumps.
  const old = explained ? [] : [...steps.children].slice(cards.length);
  for (const each of old) each.classList.add("stale");
  steps.replaceChildren(...cards, ...old);
}

function step(name: string, text: string, picture: ImageData): HTMLElement {
  const canvas = make("canvas", { width: picture.width, height: picture.height });
  canvas.getContext("2d")!.putImageData(picture, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.ariaLabel = `${name}: ${text}`;
  const caption = make("figcaption", {}, make("b", {}, name), text);
  return make("figure", { className: "step" }, canvas, caption);
}

/** In a square, so that it looks as large as the glyph. */
function grey({ width, height, data }: Ink, colour: Colour): ImageData {
  const side = Math.max(width, height);
  const margin = Math.round(side / 12);
  const picture = new ImageData(side + 2 * margin, side + 2 * margin);
  const left = margin + ((side - width) >> 1);
  const top = margin + ((side - height) >> 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) dot(picture, left + x, top + y, colour, data[y * width + x]!);
  }
  return picture;
}

/** Nearly as many as rows, and rows that are full where that is possible. */
function columnsOf(maps: number): number {
  const least = Math.ceil(Math.sqrt(maps));
  for (let columns = least; columns < 2 * least; columns++)
    if (maps % columns === 0) return columns;
  return least;
}

/** All maps of a layer side by side, each as bright as its own strongest activation. */
function maps({ maps, width, height, data }: Layer, colour: Colour): ImageData {
  if (maps === 1 && height === 1) {
    const columns = 16;
    const picture = new ImageData(columns, Math.ceil(width / columns));
    const most = Math.max(...data, 1e-6);
    data.forEach((value, at) =>
      dot(picture, at % columns, Math.floor(at / columns), colour, value / most),
    );
    return picture;
  }
  const columns = columnsOf(maps);
  const rows = Math.ceil(maps / columns);
  const picture = new ImageData(columns * (width + 1) + 1, rows * (height + 1) + 1);
  for (let map = 0; map < maps; map++) {
    const values = data.subarray(map * width * height, (map + 1) * width * height);
    const most = Math.max(...values, 1e-6);
    const left = 1 + (map % columns) * (width + 1);
    const top = 1 + Math.floor(map / columns) * (height + 1);
    values.forEach((value, at) =>
      dot(
        picture,
        left + (at % width),
        top + Math.floor(at / width),
        colour,
        0.06 + (0.94 * value) / most,
      ),
    );
  }
  return picture;
}

function mattered(
  glyph: Float32Array,
  falls: Float32Array,
  pen: Colour,
  good: Colour,
  bad: Colour,
): ImageData {
  const picture = new ImageData(GLYPH_PX, GLYPH_PX);
  const most = Math.max(...falls.map(Math.abs), 1e-6);
  glyph.forEach((ink, at) => {
    const fall = falls[at]! / most;
    const [x, y] = [at % GLYPH_PX, Math.floor(at / GLYPH_PX)];
    const share = Math.abs(fall);
    const tint = fall > 0 ? good : bad;
    const mixed = pen.map(
      (value, channel) => value + (tint[channel]! - value) * Math.min(1, 1.6 * share),
    );
    dot(picture, x, y, mixed as unknown as Colour, Math.max(0.22 * ink, share));
  });
  return picture;
}

function dot(
  picture: ImageData,
  x: number,
  y: number,
  [red, green, blue]: Colour,
  share: number,
): void {
  picture.data.set(
    [red, green, blue, 255 * Math.min(Math.max(share, 0), 1)],
    4 * (y * picture.width + x),
  );
}

/** A colour of the theme that is shown. */
function colour(name: string): Colour {
  const probe = make("span");
  probe.style.color = `var(${name})`;
  byId("steps").append(probe);
  const [red, green, blue] = getComputedStyle(probe)
    .color.match(/[\d.]+/g)!
    .map(Number);
  probe.remove();
  return [red!, green!, blue!];
}
