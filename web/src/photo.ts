/** Photographs: dropped, pasted, chosen, or a sample; read by the service or by this browser. */

import numberUrl from "../../examples/student-number.jpg";
import sumsUrl from "../../examples/sums.jpg";
import { byId } from "./dom.ts";
import { ask, askService } from "./engine.ts";
import type { View } from "./boxes.ts";
import type { Picture } from "./picture.ts";

const LARGEST_PX = 3000; // of the longer side of what is shown and read here
const PAGE_AREA_PX = 1_500_000;
export const DIGIT_AREA_PX = 512 * 512;

/** Set up the panel; `onView` gets each reading. */
export function setUpPhoto(
  maxError: () => number,
  onView: (view: View | undefined, says: string) => void,
): { readAgain(): void } {
  const canvas = byId<HTMLCanvasElement>("picture");
  const drop = byId("drop");
  const file = byId<HTMLInputElement>("file");
  const single = byId<HTMLInputElement>("is-single");
  let picture: Blob | undefined;
  let turn = 0;

  async function read(blob: Blob): Promise<void> {
    const mine = ++turn;
    picture = blob;
    onView(undefined, "Reading…");
    let bitmap: ImageBitmap | undefined;
    try {
      bitmap = await createImageBitmap(blob);
    } catch {
      bitmap = undefined;
    }
    if (mine !== turn) return bitmap?.close(); // another was chosen in the meantime
    if (!bitmap) {
      picture = undefined;
      onView(undefined, "This file is no picture that the browser can show. Try a JPEG or a PNG.");
      return;
    }
    const scale = Math.min(1, LARGEST_PX / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas
      .getContext("2d", { willReadFrequently: true })!
      .drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    byId("photo-frame").hidden = false;
    byId("photo-empty").hidden = true;
    try {
      const view = await readPicture(canvas, blob, bitmap.width, single.checked, maxError());
      if (mine === turn) onView(view, view.by);
    } catch (error) {
      if (mine === turn) onView(undefined, `It could not be read: ${(error as Error).message}`);
    }
  }

  const readFirst = (files: Iterable<File> | null | undefined): void => {
    const all = [...(files ?? [])];
    const first = all.find((each) => each.type.startsWith("image/")) ?? all[0];
    if (first) void read(first);
  };
  const readSample = async (url: string): Promise<void> => {
    single.checked = false;
    await read(await (await fetch(url)).blob());
  };
  file.onchange = () => {
    readFirst(file.files);
    file.value = "";
  };
  byId("sample-number").onclick = () => void readSample(numberUrl);
  byId("sample-sums").onclick = () => void readSample(sumsUrl);
  single.onchange = () => picture && void read(picture);
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    readFirst(event.dataTransfer?.files);
  };
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.some((each) => each.type.startsWith("image/"))) return;
    location.hash = "photo";
    readFirst(files);
  });
  return { readAgain: () => picture && void read(picture) };
}

/** Read what is on a canvas: by the service, with the picture as it came, or else here. */
export async function readPicture(
  canvas: HTMLCanvasElement,
  blob: Blob | undefined,
  width: number,
  isSingle: boolean,
  maxError: number,
): Promise<View> {
  const started = performance.now();
  const { page, why } = blob ? await askService(blob, isSingle, maxError) : {};
  const source = canvas;
  if (page) {
    const digits = page.lines.flatMap((line) => line.digits);
    const height = (canvas.height * width) / canvas.width;
    const by = `Read by the service in ${duration(started)}.`;
    return { page, digits, width, height, source, by };
  }
  const look = await ask("picture", {
    picture: pixels(canvas),
    isSingle,
    area_px: isSingle ? DIGIT_AREA_PX : PAGE_AREA_PX,
    maxError,
  });
  const by = [
    why ?? "",
    `Read in this browser in ${duration(started)}, which removes shadows more simply than inkdigits' service does and knows no printed lines.`,
  ];
  const { width: shown, height } = canvas;
  return { ...look, width: shown, height, source, by: by.join(" ").trim() };
}

export function pixels(canvas: HTMLCanvasElement): Picture {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, data };
}

function duration(started: number): string {
  const elapsed_ms = performance.now() - started;
  return elapsed_ms < 1000 ? `${Math.round(elapsed_ms)} ms` : `${(elapsed_ms / 1000).toFixed(1)} s`;
}
