/** The bundle's line reader on ONNX Runtime Web: from a strip to what it says of each frame. */

import * as ort from "onnxruntime-web/wasm";
import { keyOf, Memory, openGraph } from "./network.ts";
import { linesTemperature, type Manifest } from "./reading/decide.ts";
import type { Ink } from "./reading/image.ts";
import { type Frames, logSoftmax } from "./reading/strings.ts";

/** What a bundle calls the graph; not every bundle has one. */
export const LINES = "lines.onnx";

/** The graph that reads strips, one at a time, and remembers what it said of them. */
export class LineReader {
  readonly #session: ort.InferenceSession;
  readonly #manifest: Manifest;
  readonly #temperature: number;
  readonly #known = new Memory<Frames>();

  private constructor(session: ort.InferenceSession, manifest: Manifest) {
    this.#session = session;
    this.#manifest = manifest;
    this.#temperature = linesTemperature(manifest);
  }

  static async open(graph: Uint8Array, manifest: Manifest): Promise<LineReader> {
    return new LineReader(await openGraph(graph), manifest);
  }

  /** The log-probabilities of blank, of each class, and of no digit, in each frame of a strip. */
  readonly speak = async (strip: Ink): Promise<Frames> => {
    const key = keyOf(strip);
    const said = this.#known.get(key) ?? (await this.#read(strip));
    this.#known.keep(key, said);
    return said;
  };

  async #read({ width, height, data }: Ink): Promise<Frames> {
    const [input] = this.#session.inputNames;
    const [output] = this.#session.outputNames;
    const strip = new ort.Tensor("float32", data, [1, height, width]);
    const logits = (await this.#session.run({ [input!]: strip }))[output!]!;
    const { name, classes } = this.#manifest;
    const labels = logits.dims.at(-1)!;
    if (labels !== classes.length + 2) {
      throw new Error(
        `The line reader of ${name} gives ${labels} logits a frame. Expected those of ` +
          `${classes.length} classes, of blank and of no digit.`,
      );
    }
    const values = logits.data as Float32Array;
    const frames = Array.from({ length: values.length / labels }, (_, index) =>
      values.subarray(index * labels, (index + 1) * labels),
    );
    return logSoftmax(frames, this.#temperature);
  }
}
