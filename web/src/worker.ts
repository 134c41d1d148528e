/** The network, away from the page: what is asked for comes as messages, and is answered. */

import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { type Layer, Layers } from "./layers.ts";
import { LineReader, LINES } from "./lines.ts";
import { Network, setUp } from "./network.ts";
import { inkOf, isCutOutClose, type Picture } from "./picture.ts";
import type { Speak } from "./reading/clusters.ts";
import { type Manifest, type Rule, ruleOf } from "./reading/decide.ts";
import { type Look, readDigits, readInk } from "./reading/reader.ts";
import { makePage } from "./reading/page.ts";
import { paint, type Stroke } from "./stroke.ts";

export interface Requests {
  open: { base: string };
  strokes: { strokes: readonly Stroke[]; width: number; height: number; maxError: number };
  picture: { picture: Picture; isSingle: boolean; area_px: number; maxError: number };
  explain: { glyph: Float32Array; value: number };
}

export interface Answers {
  open: Manifest;
  strokes: Look;
  picture: Look;
  /** undefined where something newer was asked for meanwhile. */
  explain: { layers: Layer[]; mattered: Float32Array } | undefined;
}

export type Kind = keyof Requests;
export type Message = { [K in Kind]: { id: number; kind: K; request: Requests[K] } }[Kind];
export type Reply = { id: number; answer?: Answers[Kind]; error?: string };

const WARM_UPS = 3;
const DRAWING_PX = 420; // longer side of a drawing's ink

let manifest: Manifest;
let base: string;
let model: Uint8Array;
let network: Network;
let layers: Promise<Layers> | undefined;
let lineReader: Promise<LineReader> | undefined;
let newest = 0;

const handlers: { [K in Kind]: (request: Requests[K], id: number) => Promise<Answers[K]> } = {
  async open(request) {
    base = request.base;
    setUp(new URL(wasmUrl, base).href);
    const [graph, document] = await Promise.all([
      get("model.onnx").then((response) => response.arrayBuffer()),
      get("manifest.json").then((response) => response.json()),
    ]);
    model = new Uint8Array(graph);
    manifest = document as Manifest;
    await check(graph, "model.onnx");
    network = await Network.open(model);
    await warmUp();
    setTimeout(() => (layers ??= Layers.open(model))); // once the page is ready
    return manifest;
  },

  async strokes({ strokes, width, height, maxError }) {
    const scale = Math.min(1, DRAWING_PX / Math.max(width, height));
    const ink = paint(strokes, Math.round(width * scale), Math.round(height * scale), scale);
    const known = { areDigits: true, isWhole: true };
    const options = { model: manifest.name, ...known, scale: 1 / scale, speak: speaker() };
    return readInk(ink, ruleOf(manifest, maxError), network.run, options);
  },

  async picture({ picture, isSingle, area_px, maxError }) {
    const rule = ruleOf(manifest, maxError);
    const started = performance.now();
    const ink = inkOf(picture, isSingle, area_px);
    const scale = picture.width / ink.width;
    if (!isSingle) {
      const isWhole = isCutOutClose(picture);
      const options = { model: manifest.name, isWhole, scale, speak: speaker() };
      return readInk(ink, rule, network.run, options);
    }
    const box = [0, 0, picture.width, picture.height] as const;
    const digits = (await readDigits([ink], rule, network.run))
      .filter((digit) => digit.status !== "blank")
      .map((digit) => ({ ...digit, box }));
    const rows = digits.length ? [digits] : [];
    return { page: makePage(rows, manifest.name, performance.now() - started), digits };
  },

  async explain({ glyph, value }, id) {
    layers ??= Layers.open(model);
    const graph = await layers;
    const rule: Rule = ruleOf(manifest, 1);
    const shown = await graph.activations(glyph);
    const isStale = async (): Promise<boolean> => {
      await new Promise((resume) => setTimeout(resume)); // let newer messages in
      return id !== newest;
    };
    const mattered = await graph.occlusion(glyph, value, rule, isStale);
    return mattered && { layers: shown.layers, mattered };
  },
};

/** The way to ask the line reader, where the bundle has one; it is fetched when first asked. */
function speaker(): Speak | undefined {
  if (!manifest.members[LINES]) return undefined;
  return async (strip) => {
    lineReader ??= openLines().catch((error: Error) => {
      lineReader = undefined; // the next stroke tries again
      throw new Error(`What reads digits that touch did not load: ${error.message}`);
    });
    return (await lineReader).speak(strip);
  };
}

async function openLines(): Promise<LineReader> {
  const graph = await get(LINES).then((response) => response.arrayBuffer());
  await check(graph, LINES);
  return LineReader.open(new Uint8Array(graph), manifest);
}

/** Read a few drawings that nobody asked for, so that the first stroke is answered fast, too. */
async function warmUp(): Promise<void> {
  for (let turn = 0; turn < WARM_UPS; turn++) {
    const wave = Array.from({ length: 40 }, (_, at) => ({
      x: 60 + 2 * at + turn,
      y: 110 + 50 * Math.sin(at / (5 + turn)),
      r: 4,
    }));
    const points = wave.map(({ x, y, r }) => ({ x: x + 150, y, r }));
    const ink = paint([{ points: wave }, { points }], 320, 220);
    await readInk(ink, ruleOf(manifest, 1), network.run);
  }
}

let queue: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Message>) => {
  newest = data.id;
  queue = queue.then(() => handle(data));
};

async function handle({ id, kind, request }: Message): Promise<void> {
  try {
    const handler = handlers[kind] as (request: unknown, id: number) => Promise<Answers[Kind]>;
    reply({ id, answer: await handler(request, id) });
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

const reply = (message: Reply): void => self.postMessage(message);

/** Fetch a part of the bundle. */
async function get(member: string): Promise<Response> {
  const url = new URL(`model/${member}`, base);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} cannot be had: ${response.status}`);
  return response;
}

async function check(graph: ArrayBuffer, member: string): Promise<void> {
  const expected = manifest.members[member];
  if (!globalThis.crypto?.subtle || !expected) return; // only where the page is secure
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", graph));
  const found = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) {
    throw new Error(`${member} is not the one that the manifest names`);
  }
}
