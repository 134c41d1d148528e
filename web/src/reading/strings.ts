/** What a line reader's frames say: which strings, and how probable each is. As `strings.py`. */

/** The label of nothing; that of a digit is its value + 1, that of no digit the last. */
export const BLANK = 0;
const LEAST = Math.log(1e-3); // a label that is less probable does not begin or go on a string
const BEAM = 12;

export type Labels = readonly number[];

/** Of each frame, the natural logarithms of the probabilities of all labels. */
export type Frames = readonly Float64Array[];

/** Logits of each frame → natural logarithms of probabilities. */
export function logSoftmax(logits: readonly ArrayLike<number>[], temperature = 1): Frames {
  return logits.map((frame) => {
    const scaled = Float64Array.from(frame, (logit) => logit / temperature);
    const peak = Math.max(...scaled);
    const total = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value - peak), 0));
    return scaled.map((value) => value - peak - total);
  });
}

/** The string of the most probable label of each frame. */
export function greedy(logits: readonly ArrayLike<number>[]): number[] {
  const best = logits.map((frame) => argmax(Array.from(frame)));
  const said = best.filter((label, index) => label !== BLANK && label !== best[index - 1]);
  const none = noneOf(logits);
  return said.filter((label, index) => label !== none || said[index - 1] !== none);
}

/** The `count` most probable strings at most, as far as a search with a beam finds them. */
export function likely(frames: Frames, count: number): Labels[] {
  // Of each string so far: the log-probability of all ways that end in a blank, and in its last.
  let beam = [{ string: [] as Labels, inBlank: 0, inLast: -Infinity }];
  const none = noneOf(frames);
  for (const frame of frames) {
    const grown = new Map<string, (typeof beam)[number]>();
    const add = (string: Labels, inBlank: number, inLast: number): void => {
      const key = string.join();
      const before = grown.get(key) ?? { inBlank: -Infinity, inLast: -Infinity };
      grown.set(key, {
        string,
        inBlank: logAddExp(before.inBlank, inBlank),
        inLast: logAddExp(before.inLast, inLast),
      });
    };
    const blank = frame[BLANK]!;
    const labels = [...frame.keys()].filter((label) => label !== BLANK && frame[label]! > LEAST);
    for (const { string, inBlank, inLast } of beam) {
      const both = logAddExp(inBlank, inLast);
      const last = string.at(-1);
      add(string, both + blank, last === undefined ? -Infinity : inLast + frame[last]!);
      for (const label of labels) {
        const start = label === last ? inBlank : both;
        const longer = label === last && label === none ? string : [...string, label];
        add(longer, -Infinity, start + frame[label]!);
      }
    }
    // Of strings as probable, the one that was found first: the sort is stable, as Python's.
    beam = [...grown.values()]
      .sort(
        (one, other) => logAddExp(other.inBlank, other.inLast) - logAddExp(one.inBlank, one.inLast),
      )
      .slice(0, BEAM);
  }
  return beam.slice(0, count).map(({ string }) => string);
}

/**
 * How probable a string is: all ways to spell it, summed. It has no blanks, and never no digit twice
 * in a row.
 */
export function logProbability(frames: Frames, string: Labels): number {
  const states = statesOf(string);
  const none = noneOf(frames);
  let forth = begun(frames, states);
  for (const frame of frames.slice(1)) {
    forth = waysInto(forth, states, none).map(
      (ways, state) => ways.reduce(logAddExp) + frame[states[state]!]!,
    );
  }
  return logAddExp(forth.at(-2) ?? -Infinity, forth.at(-1)!);
}

/**
 * In which frame each label of a string stands: the middle of its most probable place. The string
 * is as for `logProbability`, and has at most as many labels as there are frames.
 */
export function where(frames: Frames, string: Labels): number[] {
  const states = statesOf(string);
  const none = noneOf(frames);
  let best = begun(frames, states);
  const came: number[][] = [[]]; // of each frame and state, the state before
  for (const frame of frames.slice(1)) {
    const ways = waysInto(best, states, none);
    const chosen = ways.map(argmax);
    came.push(chosen.map((way, state) => state + STEPS[way]!));
    best = chosen.map((way, state) => ways[state]![way]! + frame[states[state]!]!);
  }
  const places: number[][] = states.map(() => []); // of each state, its frames
  let state = best.at(-1)! >= (best.at(-2) ?? -Infinity) ? states.length - 1 : states.length - 2;
  for (let number = frames.length - 1; number >= 0; number--) {
    places[state]!.push(number);
    state = came[number]![state]!;
  }
  return string.map((_, index) => mean(places[2 * index + 1]!));
}

/** log(exp(one) + exp(other)), as NumPy has it. */
export function logAddExp(one: number, other: number): number {
  if (one === other) return one + Math.LN2; // infinite ones, too
  return Math.max(one, other) + Math.log1p(Math.exp(-Math.abs(one - other)));
}

/** The label of what is no digit. */
function noneOf(frames: readonly ArrayLike<number>[]): number {
  return (frames[0]?.length ?? 0) - 1;
}

/** The labels with blanks around each. */
function statesOf(string: Labels): Labels {
  return [BLANK, ...string.flatMap((label) => [label, BLANK])];
}

/** What the first frame says of each state: a string begins with a blank or with its first label. */
function begun(frames: Frames, states: Labels): number[] {
  return states.map((label, state) => (state < 2 ? frames[0]![label]! : -Infinity));
}

const STEPS = [0, -1, -2, 1]; // from where each of the ways into a state comes

/**
 * Into each state: from itself, from the one before, from two before, from the one after. A blank
 * may be left out between labels that differ, and come amidst what is no digit.
 */
function waysInto(values: readonly number[], states: Labels, none: number): number[][] {
  return values.map((value, state) => {
    const canSkip = state >= 3 && state % 2 === 1 && states[state] !== states[state - 2];
    return [
      value,
      values[state - 1] ?? -Infinity,
      canSkip ? values[state - 2]! : -Infinity,
      states[state] === none ? values[state + 1]! : -Infinity,
    ];
  });
}

const argmax = (values: readonly number[]): number => values.indexOf(Math.max(...values));

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
