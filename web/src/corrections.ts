/** "That was a 7": kept in this browser, and handed out as a folder for `inkdigits train --data`. */

import { zipSync } from "fflate";
import { byId, make } from "./dom.ts";
import type { Ink } from "./reading/image.ts";

interface Correction {
  readonly id?: number;
  /** What it is. */
  readonly value: string;
  /** What was read. */
  readonly read: string;
  readonly when: string;
  readonly png: ArrayBuffer;
}

const STORE = "corrections";
const FOLDER = "inkdigits-corrections";
const MARGIN = 0.15; // of paper around the ink
const ADVICE = `Digits that a person corrected: one picture each, in the folder of its class.

inkdigits train --data ${FOLDER} --out runs/mine

Training needs pictures of all ten classes, and many of each: put these into the folders of a
larger data set.
`;

const database: Promise<IDBDatabase> = new Promise((resolve, reject) => {
  const request = indexedDB.open("inkdigits", 1);
  request.onupgradeneeded = () =>
    request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error ?? new Error("no database"));
});
database.catch(() => undefined); // each use says so

async function store<T>(
  mode: IDBTransactionMode,
  use: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const transaction = (await database).transaction(STORE, mode);
  const request = use(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () =>
      reject(transaction.error ?? new Error("the browser did not keep it"));
  });
}

/** Keep one. */
export async function keep(ink: Ink, value: string, read: string): Promise<void> {
  const png = await (await pictureOf(ink)).arrayBuffer();
  const correction: Correction = { value, read, when: new Date().toISOString(), png };
  await store("readwrite", (corrections) => corrections.add(correction));
  await list();
}

/** Black on white, as a PNG. */
async function pictureOf({ width, height, data }: Ink): Promise<Blob> {
  const margin = Math.ceil(MARGIN * Math.max(width, height));
  const picture = new ImageData(width + 2 * margin, height + 2 * margin);
  picture.data.fill(255);
  data.forEach((ink, at) => {
    const x = margin + (at % width);
    const y = margin + Math.floor(at / width);
    picture.data.fill(
      Math.round(255 * (1 - ink)),
      4 * (y * picture.width + x),
      4 * (y * picture.width + x) + 3,
    );
  });
  const canvas = make("canvas", { width: picture.width, height: picture.height });
  canvas.getContext("2d")!.putImageData(picture, 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"),
  );
}

async function list(): Promise<void> {
  const kept = await store<Correction[]>("readonly", (corrections) => corrections.getAll());
  const classes = new Set(kept.map((correction) => correction.value)).size;
  byId("kept-lead").textContent = kept.length
    ? `${kept.length} kept in this browser, of ${classes} of 10 digits. Nobody else has them.`
    : "Where it is wrong, say so beside the answer. What you say is kept in this browser, and can be downloaded to train with.";
  byId<HTMLButtonElement>("export").disabled = byId<HTMLButtonElement>("forget").disabled =
    kept.length === 0;
  const thumbs = byId("thumbs");
  for (const image of thumbs.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  thumbs.replaceChildren(...kept.map(thumb));
}

function thumb({ id, value, read, png }: Correction): HTMLLIElement {
  const src = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  const remove = make("button", { type: "button", ariaLabel: `Delete this ${value}` }, "Delete");
  remove.onclick = async () => {
    await store("readwrite", (corrections) => corrections.delete(id!));
    await list();
    byId("kept-title").focus();
  };
  const text = read === value ? `${value}, confirmed` : read ? `${read} → ${value}` : value;
  return make("li", {}, make("img", { src, alt: `A ${value}` }), text, remove);
}

/** Set up what is shown of them. */
export async function setUpCorrections(): Promise<void> {
  byId("kept-title").tabIndex = -1;
  byId("export").onclick = async () => {
    const kept = await store<Correction[]>("readonly", (corrections) => corrections.getAll());
    const files: Record<string, Uint8Array> = {
      [`${FOLDER}/README.txt`]: new TextEncoder().encode(ADVICE),
    };
    for (const { id, value, png } of kept) {
      files[`${FOLDER}/${value}/${String(id).padStart(6, "0")}.png`] = new Uint8Array(png);
    }
    const zip = new Blob([zipSync(files, { level: 0 }) as Uint8Array<ArrayBuffer>]);
    const href = URL.createObjectURL(zip);
    make("a", { href, download: `${FOLDER}.zip` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  };
  byId("forget").onclick = async () => {
    if (!confirm("Delete all corrections that this browser keeps?")) return;
    await store("readwrite", (corrections) => corrections.clear());
    await list();
  };
  await list().catch(() => {
    byId("kept-lead").textContent =
      "This browser keeps nothing here (a private window?), so corrections are not possible.";
  });
}
