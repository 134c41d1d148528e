/** What the tests read from disk: pictures that Python wrote, and the shipped bundle. */

import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { unzipSync } from "fflate";
import { LINES } from "../src/lines.ts";
import { setUp } from "../src/network.ts";
import type { Manifest } from "../src/reading/decide.ts";
import type { Plane } from "../src/reading/image.ts";

const WEB = new URL("..", import.meta.url);
export const GOLDEN = process.env["GOLDEN"]
  ? new URL(`file://${process.env["GOLDEN"]}/`)
  : new URL("golden/", WEB);

const BUNDLE = process.env["BUNDLE"]
  ? new URL(`file://${process.env["BUNDLE"]}`)
  : new URL("../src/inkdigits/shipped.digits", WEB);

/** The parts of the bundle; `lines` where it has a line reader. */
export function shippedBundle(): {
  model: Uint8Array;
  lines: Uint8Array | undefined;
  manifest: Manifest;
} {
  const parts = unzipSync(readFileSync(BUNDLE));
  const manifest = JSON.parse(new TextDecoder().decode(parts["manifest.json"])) as Manifest;
  return { model: parts["model.onnx"]!, lines: parts[LINES], manifest };
}

export function useWasm(): void {
  const path = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
  const bytes = readFileSync(new URL(path, WEB));
  setUp(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** A PNG of one channel and 8 bits. */
export function readPng(name: string): Plane<Uint8Array> {
  const file = readFileSync(new URL(name, GOLDEN));
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  if (file[24] !== 8 || file[25] !== 0) throw new Error(`${name} is not grey with 8 bits`);
  const parts: Buffer[] = [];
  for (let at = 8; at < file.length;) {
    const size = file.readUInt32BE(at);
    if (file.toString("latin1", at + 4, at + 8) === "IDAT") {
      parts.push(file.subarray(at + 8, at + 8 + size));
    }
    at += size + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (width + 1)]!;
    for (let x = 0; x < width; x++) {
      const a = x ? data[y * width + x - 1]! : 0;
      const b = y ? data[(y - 1) * width + x]! : 0;
      const c = x && y ? data[(y - 1) * width + x - 1]! : 0;
      const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter]!;
      data[y * width + x] = raw[y * (width + 1) + 1 + x]! + guess;
    }
  }
  return { width, height, data };
}

function paeth(a: number, b: number, c: number): number {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
