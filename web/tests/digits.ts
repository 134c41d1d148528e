/** Digits as tests want them. */

import type { Digit, Status } from "../src/reading/page.ts";

export const digit = (status: Status, value = "1"): Digit => ({
  value,
  status,
  confidence: 1,
  box: [0, 0, 10, 20],
  alternatives: [],
});
