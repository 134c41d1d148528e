/** Boxes and values over a picture. */

import { make } from "./dom.ts";
import type { Digit, Page, Status } from "./reading/page.ts";

const SIGNS: Record<Status, string> = { ok: "", review: "?", reject: "×", blank: "" };

/** Digits, and the size of the picture that their boxes are in. */
export interface Shown {
  /** In reading order; with glyphs where this browser read. */
  readonly digits: readonly Digit[];
  readonly width: number;
  readonly height: number;
}

/** One reading, and the picture that it is of. */
export interface View extends Shown {
  readonly page: Page;
  readonly source?: HTMLCanvasElement;
  /** Who read it. */
  readonly by: string;
}

export const label = (digit: Digit): string =>
  digit.status === "reject" ? "×" : digit.value + SIGNS[digit.status];

export const spoken: Record<Status, string> = {
  ok: "sure",
  review: "not sure",
  reject: "no digit",
  blank: "blank",
};

/** Lay boxes over a picture; `onChoose` makes them buttons. */
export function showBoxes(
  layer: HTMLElement,
  { digits, width, height }: Shown,
  chosen: number,
  onChoose?: (index: number) => void,
): void {
  const hadFocus = layer.contains(document.activeElement);
  layer.replaceChildren(
    ...digits.map((digit, index) => {
      const [x, y, wide, high] = digit.box;
      const isBelow = y < height * 0.08;
      const className = `box ${digit.status}${isBelow ? " below" : ""}`;
      const box = onChoose
        ? make("button", { type: "button", className, onclick: () => onChoose(index) })
        : make("span", { className });
      box.append(make("b", {}, label(digit)));
      if (onChoose) {
        box.setAttribute("aria-label", `${digit.value}, ${spoken[digit.status]}`);
        box.setAttribute("aria-pressed", String(index === chosen));
      }
      const share = (part: number, whole: number): string => `${(100 * part) / whole}%`;
      box.style.left = share(x, width);
      box.style.top = share(y, height);
      box.style.width = share(wide, width);
      box.style.height = share(high, height);
      return box;
    }),
  );
  if (hadFocus) (layer.children[chosen] as HTMLElement | undefined)?.focus();
}
