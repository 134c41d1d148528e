/** The bundle's graph on ONNX Runtime Web: from crops of ink to what the network says of them. */

import * as ort from "onnxruntime-web/wasm";
import type { Output } from "./reading/decide.ts";
import { GLYPH_PX, type Ink } from "./reading/image.ts";

const AREA = GLYPH_PX * GLYPH_PX;
const BATCH_PX = 1_000_000; // pixels of all crops in one call of the graph
const REMEMBERED = 400; // crops: with every stroke, most of a drawing stays as it was

/** Open a graph; call `setUp` before. */
export function openGraph(graph: Uint8Array): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(graph, { executionProviders: ["wasm"], logSeverityLevel: 3 });
}

/** Say where WebAssembly comes from: its address, or its bytes. */
export function setUp(wasm: string | ArrayBuffer): void {
  ort.env.wasm.numThreads = 1; // so that it also runs where a page is not cross-origin isolated
  if (typeof wasm === "string") ort.env.wasm.wasmPaths = { wasm };
  else ort.env.wasm.wasmBinary = wasm;
}

/** What was said of the pictures seen last, by their keys. */
export class Memory<T> {
  readonly #known = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#known.get(key);
  }

  keep(key: string, said: T): void {
    this.#known.delete(key); // the ones used last are forgotten last
    this.#known.set(key, said);
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!);
  }
}

/** The reading graph, which remembers what it said of crops that it has seen. */
export class Network {
  readonly #session: ort.InferenceSession;
  readonly #known = new Memory<Output>();

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async open(graph: Uint8Array): Promise<Network> {
    const network = new Network(await openGraph(graph));
    const warm = new Float32Array(64 * 64);
    warm.fill(1, 1000, 1030);
    await network.run([{ width: 64, height: 64, data: warm }]);
    return network;
  }

  /** What the graph says of crops of any sizes, in their order. */
  readonly run = async (crops: readonly Ink[]): Promise<Output[]> => {
    const keys = crops.map(keyOf);
    const fresh = new Map<string, Ink>();
    keys.forEach((key, index) => this.#known.get(key) || fresh.set(key, crops[index]!));
    const waiting = [...fresh].sort(([, one], [, other]) => sideOf(one) - sideOf(other));
    const found = new Map<string, Output>();
    while (waiting.length) {
      const side = sideOf(waiting.at(-1)![1]); // the largest first
      const room = Math.max(1, Math.floor(BATCH_PX / side ** 2));
      const batch = waiting.splice(Math.max(0, waiting.length - room));
      const outputs = await this.#read(batch.map(([, crop]) => crop));
      batch.forEach(([key], index) => found.set(key, outputs[index]!));
    }
    const results = keys.map((key) => found.get(key) ?? this.#known.get(key)!);
    keys.forEach((key, index) => this.#known.keep(key, results[index]!));
    return results;
  };

  async #read(crops: readonly Ink[]): Promise<Output[]> {
    const height = Math.max(...crops.map((crop) => crop.height));
    const width = Math.max(...crops.map((crop) => crop.width));
    const stack = new Float32Array(crops.length * height * width);
    crops.forEach((crop, index) => {
      for (let y = 0; y < crop.height; y++) {
        const row = crop.data.subarray(y * crop.width, (y + 1) * crop.width);
        stack.set(row, (index * height + y) * width);
      }
    });
    const ink = new ort.Tensor("float32", stack, [crops.length, height, width]);
    const { glyph, logits, novelty } = await this.#session.run({ ink });
    const glyphs = glyph!.data as Float32Array;
    const values = logits!.data as Float32Array;
    const none = novelty!.data as Float32Array;
    const classes = values.length / crops.length;
    return crops.map((_, index) => ({
      glyph: glyphs.slice(index * AREA, (index + 1) * AREA),
      logits: values.slice(index * classes, (index + 1) * classes),
      novelty: none[index]!,
    }));
  }
}

const sideOf = (crop: Ink): number => Math.max(crop.width, crop.height);

/** Two FNV hashes over the pixels: 64 bits. */
export function keyOf({ width, height, data }: Ink): string {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  let one = 0x811c9dc5;
  let other = 0x1000193;
  for (const word of words) {
    one = Math.imul(one ^ word, 0x01000193);
    other = Math.imul(other ^ (word >>> 7) ^ (word << 3), 0x85ebca6b) ^ (other >>> 15);
  }
  return `${width}x${height}:${one}:${other}`;
}
