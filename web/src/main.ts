/** The page: three ways to bring digits, one answer. */

import { rate, showAnswer, showBars } from "./answer.ts";
import { showBoxes, type View } from "./boxes.ts";
import { setUpCamera } from "./camera.ts";
import { keep, setUpCorrections } from "./corrections.ts";
import { byId, make } from "./dom.ts";
import { ask, open } from "./engine.ts";
import { type Drawing, setUpPad } from "./pad.ts";
import { DIGIT_AREA_PX, pixels, setUpPhoto } from "./photo.ts";
import { DEFAULT_MAX_ERROR, type DialRow, type Manifest } from "./reading/decide.ts";
import type { Digit } from "./reading/page.ts";
import type { Look, SeenDigit } from "./reading/reader.ts";
import { showSteps } from "./sees.ts";
import { setUpTheme } from "./theme.ts";

const MODES = ["draw", "photo", "camera"] as const;
type Mode = (typeof MODES)[number];

const INVITATIONS: Record<Mode, string> = {
  draw: "Nothing is written yet",
  photo: "No digits yet",
  camera: "No digits in sight",
};
const EXPLAIN_AFTER_MS = 250; // of rest

const views: Partial<Record<Mode, View>> = {};
const chosen: Record<Mode, number> = { draw: 0, photo: 0, camera: 0 };
let mode: Mode = "draw";
let manifest: Manifest | undefined;
let maxError = DEFAULT_MAX_ERROR;
let seen: SeenDigit | undefined; // the chosen digit, with its glyph
let turn = 0;
let drawing: Drawing = { strokes: [], width: 1, height: 1 };

const pad = setUpPad((next, since) => {
  drawing = next;
  void readDrawing(since);
});
const photo = setUpPhoto(
  () => maxError,
  (view, says) => {
    byId("photo-by").textContent = says;
    setView("photo", view);
  },
);
const camera = setUpCamera(
  () => maxError,
  (view) => setView("camera", view),
);

async function readDrawing(since: number): Promise<void> {
  const asked = drawing;
  if (!manifest) return;
  let look: Look;
  try {
    look = await ask("strokes", { ...asked, maxError });
  } catch (error) {
    if (asked === drawing)
      byId("status").textContent = `It could not be read: ${(error as Error).message}`;
    return;
  }
  if (asked !== drawing) return; // a newer stroke is on its way
  const { width, height } = asked;
  setView("draw", { ...look, width, height, by: "" });
  performance.measure("stroke to answer", { start: since, end: performance.now() });
}

function setView(of: Mode, view: View | undefined): void {
  const before = views[of]?.digits.length ?? 0;
  const digits = view?.digits.length ?? 0;
  if (view) views[of] = view;
  else delete views[of];
  // While somebody writes, the newest digit is looked at.
  if (of === "draw" && digits > before) chosen.draw = digits - 1;
  chosen[of] = Math.max(0, Math.min(chosen[of], digits - 1));
  if (of === mode) show();
}

function choose(index: number): void {
  chosen[mode] = index;
  show();
}

function show(): void {
  const view = views[mode];
  const index = chosen[mode];
  const digit = view?.digits[index];
  showAnswer(
    view?.page,
    index,
    dialRow(),
    manifest ? INVITATIONS[mode] : byId("status").textContent!,
    choose,
  );
  const shown = { digits: view?.digits ?? [], width: view?.width ?? 1, height: view?.height ?? 1 };
  showBoxes(
    byId(mode === "draw" ? "pad-boxes" : `${mode}-boxes`),
    shown,
    index,
    mode === "draw" ? undefined : choose,
  );
  if (manifest) {
    const caption =
      digit && shown.digits.length > 1
        ? `Probabilities of digit ${index + 1} of ${shown.digits.length}`
        : "Probability of each digit";
    byId("bars-caption").textContent = caption;
    showBars(manifest.classes, digit, digit && isSeen(digit) ? digit.probabilities : []);
  }
  byId("correct").hidden = !digit;
  void explain(view, digit);
}

async function explain(view: View | undefined, digit: Digit | undefined): Promise<void> {
  const mine = ++turn;
  seen = digit && isSeen(digit) ? digit : undefined;
  if (digit && !seen && view?.source) seen = await seeAgain(view, digit);
  if (mine !== turn) return;
  showSteps(seen, undefined);
  if (!seen || mode === "camera") return;
  await new Promise((resume) => setTimeout(resume, EXPLAIN_AFTER_MS));
  if (mine !== turn) return;
  const { classes } = manifest!;
  // "No digit" is the last of the probabilities.
  const value = seen.status === "reject" ? classes.length : classes.indexOf(seen.value);
  try {
    const explained = await ask("explain", { glyph: seen.glyph, value });
    if (mine === turn && explained) showSteps(seen, explained);
  } catch (error) {
    byId("sees-lead").textContent = `The layers cannot be shown: ${(error as Error).message}`;
  }
}

const isSeen = (digit: Digit): digit is SeenDigit => "glyph" in digit;

/** What the service read, looked at here: its answer, with this browser's ink and glyph. */
async function seeAgain(view: View, digit: Digit): Promise<SeenDigit | undefined> {
  const source = view.source!;
  const scale = source.width / view.width;
  const [x, y, width, height] = digit.box.map((side) => side * scale) as [
    number,
    number,
    number,
    number,
  ];
  const margin = 0.12 * Math.max(width, height);
  const across = Math.max(1, Math.round(width + 2 * margin));
  const down = Math.max(1, Math.round(height + 2 * margin));
  const isOnSide = view.page.turned_deg % 180 !== 0;
  const crop = make("canvas", {
    width: isOnSide ? down : across,
    height: isOnSide ? across : down,
  });
  const context = crop.getContext("2d", { willReadFrequently: true })!;
  context.translate(crop.width / 2, crop.height / 2);
  context.rotate((view.page.turned_deg * Math.PI) / 180); // as the service turned it
  const place = [x - margin, y - margin, across, down] as const;
  context.drawImage(source, ...place, -across / 2, -down / 2, across, down);
  const request = { picture: pixels(crop), isSingle: true, area_px: DIGIT_AREA_PX, maxError };
  const look = await ask("picture", request).catch(() => undefined);
  const own = look?.digits[0];
  return own && { ...own, ...digit };
}

// --- tabs

function openMode(next: Mode): void {
  if (mode === "camera" && next !== "camera") camera.stop();
  mode = next;
  for (const each of MODES) {
    const tab = byId(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === mode));
    tab.tabIndex = each === mode ? 0 : -1;
    byId(each).hidden = each !== mode;
  }
  show();
}

function setUpTabs(): void {
  const fromAddress = (): void => {
    const named = MODES.find((each) => location.hash === `#${each}`);
    if (named || !location.hash) openMode(named ?? "draw");
  };
  MODES.forEach((each, index) => {
    const tab = byId(`tab-${each}`);
    tab.onclick = () => {
      history.replaceState(null, "", `#${each}`);
      openMode(each);
    };
    tab.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = byId(`tab-${MODES[(index + step + MODES.length) % MODES.length]!}`);
      next.click();
      next.focus();
    };
  });
  addEventListener("hashchange", fromAddress);
  fromAddress();
}

// --- the dial, and corrections

function dialRow(): DialRow | undefined {
  return manifest?.calibration.dial.find((row) => row.max_error === maxError);
}

function setUpDial({ calibration }: Manifest): void {
  const dial = byId<HTMLSelectElement>("dial");
  const rows = calibration.dial.filter((row) => row.threshold <= 1);
  const strictest = Math.min(...rows.map((row) => row.max_error));
  maxError = rows.some((row) => row.max_error === maxError) ? maxError : strictest;
  dial.replaceChildren(
    ...rows.map(({ max_error, share_answered }) => {
      const share = `${(100 * share_answered).toFixed(share_answered === 1 ? 0 : 1)} %`;
      const text = `${rate(max_error)}: sure of ${share}`;
      return make("option", { value: String(max_error), selected: max_error === maxError }, text);
    }),
  );
  dial.onchange = () => {
    maxError = Number(dial.value);
    void readDrawing(performance.now());
    photo.readAgain();
    camera.readAgain();
  };
}

function setUpCorrecting({ classes }: Manifest): void {
  byId("correct-keys").replaceChildren(
    ...[...classes].map((value) => {
      const button = make("button", { type: "button", ariaLabel: `It was a ${value}` }, value);
      button.onclick = async () => {
        if (!seen) return;
        try {
          await keep(seen.ink, value, seen.status === "reject" ? "" : seen.value);
          byId("status").textContent = `Kept as a ${value}`;
        } catch (error) {
          byId("status").textContent = `It could not be kept: ${(error as Error).message}`;
        }
      };
      return button;
    }),
  );
}

// --- start

async function start(): Promise<void> {
  setUpTabs();
  setUpTheme(() => {
    pad.redraw();
    show();
  });
  void setUpCorrections();
  try {
    manifest = await open();
  } catch (error) {
    byId("status").textContent =
      `The network did not load: ${(error as Error).message}. Load the page again.`;
    return;
  }
  byId("about").replaceChildren(
    `Network: ${manifest.name}. `,
    make("a", { href: "licences.txt" }, "Licences"),
  );
  setUpDial(manifest);
  setUpCorrecting(manifest);
  show();
  performance.mark("ready");
  document.documentElement.dataset["ready"] = "yes";
  void readDrawing(performance.now());
  if (import.meta.env.PROD && "serviceWorker" in navigator) {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    byId("offline").hidden = false;
  }
}

void start();
