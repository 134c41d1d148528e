/** What a reading is: the same as in Python's `reading.py`, and as the service's JSON. */

export type Status = "ok" | "review" | "reject" | "blank";

/** x, y, width and height in whole pixels, from the top left corner. */
export type Box = readonly [number, number, number, number];

export interface Alternative {
  readonly value: string;
  readonly confidence: number;
}

export interface Digit {
  /** The most likely class; "" where there is no ink. */
  readonly value: string;
  readonly confidence: number;
  readonly status: Status;
  readonly box: Box;
  readonly alternatives: readonly Alternative[];
}

export interface Line {
  readonly text: string;
  readonly box: Box;
  readonly digits: readonly Digit[];
}

export interface Page {
  readonly text: string;
  readonly status: Status;
  readonly note: string;
  /** By how much the service turned it clockwise to read it. */
  readonly turned_deg: number;
  readonly lines: readonly Line[];
  readonly model: string;
  readonly elapsed_ms: number;
}

const WORST_LAST: Record<Status, number> = { ok: 0, review: 1, reject: 2, blank: 3 };

export function around(boxes: readonly Box[]): Box {
  const x = Math.min(...boxes.map((box) => box[0]));
  const y = Math.min(...boxes.map((box) => box[1]));
  const right = Math.max(...boxes.map((box) => box[0] + box[2]));
  const bottom = Math.max(...boxes.map((box) => box[1] + box[3]));
  return [x, y, right - x, bottom - y];
}

/** Put judged digits together, and leave what was rejected out of the text. */
export function makePage(
  rows: readonly (readonly Digit[])[],
  model: string,
  elapsed_ms: number,
  note = "",
): Page {
  const lines = rows.map((digits) => ({
    text: digits
      .filter((digit) => digit.status === "ok" || digit.status === "review")
      .map((digit) => digit.value)
      .join(""),
    box: around(digits.map((digit) => digit.box)),
    digits,
  }));
  const statuses = rows.flat().map((digit) => digit.status);
  const worst = (one: Status, other: Status): Status =>
    WORST_LAST[other] > WORST_LAST[one] ? other : one;
  return {
    text: lines
      .map((line) => line.text)
      .filter(Boolean)
      .join("\n"),
    status: note ? "reject" : statuses.length ? statuses.reduce(worst) : "blank",
    note,
    turned_deg: 0,
    lines,
    model,
    elapsed_ms,
  };
}

/** The other classes with a probability of at least 0.001, most likely first, at most 3. */
export function alternatives(
  classes: string,
  probabilities: ArrayLike<number>,
  value: string,
): Alternative[] {
  return [...classes]
    .map((other, index) => ({ value: other, confidence: probabilities[index]! }))
    .filter((other) => other.value !== value && other.confidence >= 0.001)
    .sort((one, other) => other.confidence - one.confidence)
    .slice(0, 3);
}
