/** The answer: what was read, how sure that is, and the probability of each digit. */

import { spoken } from "./boxes.ts";
import { byId, make, percent } from "./dom.ts";
import type { DialRow } from "./reading/decide.ts";
import type { Digit, Page, Status } from "./reading/page.ts";

const SIGNS: Record<Status, string> = { ok: "✓", review: "?", reject: "×", blank: "…" };
const FEW = 5; // digits in the largest type
const MANY = 24;

/** Show a page, or that there is nothing; `chosen` is the digit that is looked at. */
export function showAnswer(
  page: Page | undefined,
  chosen: number,
  dial: DialRow | undefined,
  invitation: string,
  onChoose: (index: number) => void,
): void {
  const digits = page?.lines.flatMap((line) => line.digits) ?? [];
  const read = byId("read");
  const hadFocus = read.contains(document.activeElement);
  read.className = `read ${digits.length > MANY ? "lots" : digits.length > FEW ? "many" : ""}`;
  let index = 0;
  const rows = (page?.lines ?? []).map((line) =>
    make(
      "div",
      { className: "row" },
      ...line.digits.map((digit) => button(digit, index++, chosen, onChoose)),
    ),
  );
  const nothing = make("span", { className: "none", ariaHidden: "true" }, "–");
  read.replaceChildren(...(rows.length ? rows : [nothing]));
  if (hadFocus) read.querySelectorAll("button")[chosen]?.focus();

  const status = byId("status");
  const sentence = page ? summary(page, digits) : "";
  const state = page?.status ?? "blank";
  status.dataset["status"] = state;
  status.dataset["sign"] = SIGNS[state];
  const said = digits.length ? sentence : invitation;
  if (status.textContent !== said) status.textContent = said;
  const turned = page?.turned_deg ? `It was turned by ${page.turned_deg}° to be read. ` : "";
  byId("meaning").textContent = digits.length ? turned + meaning(page!, dial) : "";
}

function button(
  digit: Digit,
  index: number,
  chosen: number,
  onChoose: (index: number) => void,
): HTMLButtonElement {
  const shown = digit.status === "reject" ? "×" : digit.value;
  const element = make("button", { type: "button", className: digit.status }, shown);
  element.ariaLabel = `${digit.value}, ${spoken[digit.status]}`;
  element.ariaPressed = String(index === chosen);
  element.onclick = () => onChoose(index);
  return element;
}

function summary(page: Page, digits: readonly Digit[]): string {
  const text = page.text.replaceAll("\n", ", ");
  const unsure = digits.filter((digit) => digit.status === "review");
  const rejected = digits.filter((digit) => digit.status === "reject").length;
  if (digits.length === 1) {
    const [digit] = digits;
    if (digit!.status === "ok") return `Sure: ${digit!.value}`;
    return digit!.status === "reject" ? "This is no digit" : `Not sure: ${either(digit!)}`;
  }
  const parts = [];
  if (unsure.length === 1) parts.push(`not sure of one: ${either(unsure[0]!)}`);
  else if (unsure.length) parts.push(`not sure of ${unsure.length}`);
  if (rejected)
    parts.push(rejected === 1 ? "one mark is no digit" : `${rejected} marks are no digits`);
  if (!text) return "There is no digit in it";
  return `${text}: ${parts.length ? parts.join(", ") : "sure of all"}`;
}

/** What the ink could be: "4 or 9". */
function either(digit: Digit): string {
  const others = digit.alternatives.filter((other) => other.confidence > 0.02).slice(0, 2);
  if (!others.length) return `${digit.value}, or no digit`;
  return [digit.value, ...others.map((other) => other.value)].join(" or ");
}

function meaning(page: Page, dial: DialRow | undefined): string {
  if (page.note) return `Only a part was looked at: ${page.note}.`;
  if (page.status === "ok" && dial) {
    return `Of digits that it is sure of, at most ${rate(dial.max_error)} are wrong, as measured on people whose writing it had not seen.`;
  }
  if (page.status === "review") return "A person should look: what is not sure may well be wrong.";
  return "Ink that is no digit is left out of the text.";
}

/** 0.002 → "2 in 1,000". */
export function rate(share: number): string {
  const whole = share >= 0.0099 ? 100 : share >= 0.00099 ? 1000 : 10_000;
  return `${+(share * whole).toFixed(2)} in ${whole.toLocaleString("en")}`;
}

/** One bar for each class; only the values that are known, of a digit that the service read. */
export function showBars(
  classes: string,
  digit: Digit | undefined,
  judged: readonly number[],
): void {
  const known = new Map(digit?.alternatives.map((other) => [other.value, other.confidence]));
  if (digit) known.set(digit.value, digit.confidence);
  const shares = [...classes].map((value, index) => judged[index] ?? known.get(value));
  const total = judged.reduce((sum, share) => sum + share, 0);
  const none = judged.length ? Math.max(0, 1 - total) : undefined;
  const rows: [string, number | undefined, string][] = [...classes].map((value, index) => {
    const isBest = digit?.value === value && digit.status !== "reject";
    return [value, shares[index], isBest ? `best ${digit.status}` : ""];
  });
  rows.push(["none", none, digit?.status === "reject" ? "nodigit best" : "nodigit"]);
  const body = byId("bars");
  if (body.children.length !== rows.length) body.replaceChildren(...rows.map(row));
  rows.forEach(([, share, className], index) => {
    const line = body.children[index] as HTMLElement;
    line.className = className;
    line.querySelector<HTMLElement>(".fill")!.style.transform = `scaleX(${share ?? 0})`;
    line.lastElementChild!.textContent = share === undefined ? "–" : percent(share);
  });
}

function row([value]: readonly [string, ...unknown[]]): HTMLTableRowElement {
  const head = make("th", { scope: "row" }, value);
  const track = make("span", { className: "track" }, make("span", { className: "fill" }));
  return make("tr", {}, head, make("td", { ariaHidden: "true" }, track), make("td"));
}
