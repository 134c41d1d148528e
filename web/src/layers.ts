/**
 * How the network sees: a second graph, which begins at the glyph and shows every layer.
 *
 * It is made of the bundle's own graph, whichever that is, so nothing else has to be shipped and
 * the two cannot differ: an ONNX file is a protocol buffer, and only its lists of nodes, inputs
 * and outputs change.
 */

import * as ort from "onnxruntime-web/wasm";
import { openGraph } from "./network.ts";
import { type Output, probabilities, type Rule } from "./reading/decide.ts";
import { GLYPH_PX } from "./reading/image.ts";

// Numbers of the fields in onnx.proto.
const GRAPH = 7;
const NODE = 1;
const INPUT = 11;
const OUTPUT = 12;
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;
const NODE_TYPE = 4;

const AREA = GLYPH_PX * GLYPH_PX;
export const PATCH_PX = 4;
export const STEP_PX = 2;
const BATCH = 4; // occluded glyphs in one call, so that a new stroke never waits long

/** The activations of one layer: maps of width × height, or one row of units. */
export interface Layer {
  readonly name: string;
  readonly maps: number;
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array; // (maps, height, width)
}

interface Field {
  readonly number: number;
  readonly bytes: Uint8Array; // with its tag
  readonly content: Uint8Array; // without; empty for numbers
}

interface Node {
  readonly field: Field;
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The part of a bundle's graph from `glyph` on; every layer's activations are outputs. */
export function layersGraph(model: Uint8Array): { graph: Uint8Array; layers: string[] } {
  const fields = parse(model);
  const graph = parse(fields.find((field) => field.number === GRAPH)!.content);
  const nodes = graph.filter((field) => field.number === NODE).map(nodeOf);
  // What the outputs need, backwards as far as the glyph.
  const needed = new Set(["logits", "novelty"]);
  const kept = new Set<Field>();
  const layers: string[] = [];
  for (const node of nodes.toReversed()) {
    if (node.outputs.includes("glyph") || !node.outputs.some((name) => needed.has(name))) continue;
    for (const name of node.inputs) needed.add(name);
    kept.add(node.field);
    if (node.type === "Relu") layers.unshift(node.outputs[0]!);
  }
  const isKept = ({ number }: Field): boolean => ![NODE, INPUT, OUTPUT].includes(number);
  const body = [
    ...graph.filter((field) => kept.has(field) || isKept(field)).map((field) => field.bytes),
    message(INPUT, glyphInput()),
    ...["logits", "novelty", ...layers].map((name) => message(OUTPUT, text(1, name))),
  ];
  const others = fields.filter((field) => field.number !== GRAPH).map((field) => field.bytes);
  return { graph: concat([...others, message(GRAPH, concat(body))]), layers };
}

/** The network from the glyph on: its layers, and what happens when ink is covered. */
export class Layers {
  readonly #session: ort.InferenceSession;
  readonly #layers: readonly string[];

  private constructor(session: ort.InferenceSession, layers: readonly string[]) {
    this.#session = session;
    this.#layers = layers;
  }

  static async open(model: Uint8Array): Promise<Layers> {
    const { graph, layers } = layersGraph(model);
    return new Layers(await openGraph(graph), layers);
  }

  /** The activations of each layer, from the first one to the logits. */
  async activations(glyph: Float32Array): Promise<{ layers: Layer[]; output: Output }> {
    const results = await this.#session.run(feed([glyph]));
    const layers = this.#layers.map((name, index): Layer => {
      const { dims, data } = results[name]!;
      const [, maps, height, width] = dims.length === 4 ? dims : [1, 1, 1, dims[1]!];
      const kind = dims.length === 4 ? "Convolution" : "Dense layer";
      const values = data as Float32Array;
      return {
        name: `${kind} ${index + 1}`,
        maps: maps!,
        width: width!,
        height: height!,
        data: values,
      };
    });
    return { layers, output: outputs(results, [glyph])[0]! };
  }

  /**
   * Which pixels mattered: each patch of 4 × 4 is covered with paper in turn, and the network
   * runs again; the map shows by how much the log-odds of the answer fall, averaged over the
   * patches that cover a pixel. Negative where the answer gets surer without that ink.
   */
  async occlusion(
    glyph: Float32Array,
    value: number,
    rule: Rule,
    isStale: () => Promise<boolean>,
  ): Promise<Float32Array | undefined> {
    const patches: { x: number; y: number; covered: Float32Array }[] = [];
    for (let y = 0; y + PATCH_PX <= GLYPH_PX; y += STEP_PX) {
      for (let x = 0; x + PATCH_PX <= GLYPH_PX; x += STEP_PX) {
        const covered = glyph.slice();
        for (let row = y; row < y + PATCH_PX; row++)
          covered.fill(0, row * GLYPH_PX + x, row * GLYPH_PX + x + PATCH_PX);
        // Where nothing was covered, nothing changes.
        if (covered.some((ink, at) => ink !== glyph[at])) patches.push({ x, y, covered });
      }
    }
    const logOdds = (output: Output): number => {
      const probability = probabilities(output, rule)[value]!;
      const sure = Math.min(Math.max(probability, 1e-7), 1 - 1e-7);
      return Math.log(sure / (1 - sure));
    };
    const whole = logOdds(outputs(await this.#session.run(feed([glyph])), [glyph])[0]!);
    const sum = new Float32Array(AREA);
    const count = new Float32Array(AREA);
    for (let start = 0; start < patches.length; start += BATCH) {
      if (await isStale()) return undefined;
      const batch = patches.slice(start, start + BATCH);
      const glyphs = batch.map((patch) => patch.covered);
      outputs(await this.#session.run(feed(glyphs), ["logits", "novelty"]), glyphs).forEach(
        (output, index) => {
          const { x, y } = batch[index]!;
          const fall = whole - logOdds(output);
          for (let row = y; row < y + PATCH_PX; row++) {
            for (let at = row * GLYPH_PX + x; at < row * GLYPH_PX + x + PATCH_PX; at++) {
              sum[at] = sum[at]! + fall;
              count[at] = count[at]! + 1;
            }
          }
        },
      );
    }
    return sum.map((value, at) => value / Math.max(count[at]!, 1));
  }
}

function feed(glyphs: readonly Float32Array[]): { glyph: ort.Tensor } {
  const data = new Float32Array(glyphs.length * AREA);
  glyphs.forEach((glyph, index) => data.set(glyph, index * AREA));
  return { glyph: new ort.Tensor("float32", data, [glyphs.length, GLYPH_PX, GLYPH_PX]) };
}

function outputs(
  results: ort.InferenceSession.ReturnType,
  glyphs: readonly Float32Array[],
): Output[] {
  const logits = results["logits"]!.data as Float32Array;
  const novelty = results["novelty"]!.data as Float32Array;
  const classes = logits.length / glyphs.length;
  return glyphs.map((glyph, index) => ({
    glyph,
    logits: logits.slice(index * classes, (index + 1) * classes),
    novelty: novelty[index]!,
  }));
}

/** A ValueInfoProto: `glyph`, float32 (n, 28, 28). */
function glyphInput(): Uint8Array {
  const free = message(1, text(2, "n"));
  const side = message(1, Uint8Array.of(0x08, GLYPH_PX)); // dim_value
  const shape = message(2, concat([free, side, side]));
  const tensor = message(1, concat([Uint8Array.of(0x08, 1), shape])); // elem_type float32
  return concat([text(1, "glyph"), message(2, tensor)]);
}

function nodeOf(field: Field): Node {
  const fields = parse(field.content);
  const names = (number: number): string[] =>
    fields.filter((each) => each.number === number).map((each) => decode(each.content));
  return {
    field,
    type: names(NODE_TYPE)[0] ?? "",
    inputs: names(NODE_INPUT),
    outputs: names(NODE_OUTPUT),
  };
}

function parse(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("The ONNX file ends too early.");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    let size = 0;
    const kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) size = varint();
    else throw new Error("The ONNX file is damaged.");
    at += size;
    const number = Math.floor(tag / 8);
    fields.push({
      number,
      bytes: bytes.subarray(start, at),
      content: bytes.subarray(at - size, at),
    });
  }
  return fields;
}

function message(number: number, content: Uint8Array): Uint8Array {
  const head: number[] = [number * 8 + 2];
  let size = content.length;
  for (; size >= 128; size = Math.floor(size / 128)) head.push((size % 128) + 128);
  return concat([Uint8Array.from([...head, size]), content]);
}

const text = (number: number, value: string): Uint8Array =>
  message(number, new TextEncoder().encode(value));

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
