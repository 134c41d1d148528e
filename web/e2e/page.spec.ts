/** The page in real Chromium: what a person does, and what must never happen. */

import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test as base } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { STATIC_PORT } from "../playwright.config.ts";
import { draw, STYLES } from "./strokes.ts";

const OUT = join(import.meta.dirname, "../../out/page");
const PYTHON = join(import.meta.dirname, "../../.venv/bin/python");
const SUMS = join(import.meta.dirname, "../../examples/sums.jpg");
const NEVER_OURS = /^https?:\/\/(?!localhost[:/])/;

/** A page that is ready; it must not fail anywhere, nor ask anybody else for anything. */
const test = base.extend<{ app: Page }>({
  app: async ({ page, baseURL }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
    page.context().on("request", (request) => {
      if (NEVER_OURS.test(request.url())) wrong.push(`asked for ${request.url()}`);
    });
    await ready(page, baseURL!);
    await use(page);
    expect(wrong.filter((text) => !isExpected(text))).toEqual([]);
  },
});

/** Offline, and where there is no service, the browser itself says that a request failed. */
const isExpected = (text: string): boolean => text.startsWith("Failed to load resource");

async function ready(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await expect(page.locator("html")).toHaveAttribute("data-ready", "yes", { timeout: 15_000 });
}

/** Wait for the answer to the strokes so far, and give its text. */
async function answer(page: Page, count: number): Promise<string> {
  await expect
    .poll(() => page.evaluate(() => performance.getEntriesByName("stroke to answer").length))
    .toBeGreaterThanOrEqual(count);
  return (await page.locator("#read").innerText()).replaceAll("\n", "");
}

test("each digit in three ways of writing, and how long the answers take", async ({ app }) => {
  const wrong: string[] = [];
  let strokes = 1; // the empty sheet is read first
  for (const [value, styles] of Object.entries(STYLES)) {
    for (const [index, style] of styles.entries()) {
      let read = "";
      for (const stroke of style) {
        // One after the other: what a newer stroke has overtaken is not answered.
        await draw(app, [stroke], 260, 110, 230);
        read = await answer(app, ++strokes);
      }
      if (read !== value) wrong.push(`${value} (${index + 1}) was read as ${read}`);
      await app.locator("#clear").click();
      await answer(app, ++strokes);
    }
  }
  const times = await app.evaluate(() =>
    performance.getEntriesByName("stroke to answer").map((entry) => entry.duration),
  );
  const first_ms = await app.evaluate(() => performance.getEntriesByName("ready")[0]!.startTime);
  const ordered = times.slice(1).sort((one, other) => one - other);
  const at = (share: number): number => ordered[Math.floor(share * (ordered.length - 1))]!;
  const figures = {
    right: 30 - wrong.length,
    of: 30,
    wrong,
    answers: ordered.length,
    stroke_to_answer_p50_ms: +at(0.5).toFixed(1),
    stroke_to_answer_p95_ms: +at(0.95).toFixed(1),
    ready_ms: Math.round(first_ms),
  };
  record("draw.json", figures);
  expect(wrong.length, wrong.join("; ")).toBeLessThanOrEqual(1);
});

test("several digits on one sheet; undo, eraser and clear", async ({ app }) => {
  await write(app, "40719");
  await expect(app.locator("#status")).toHaveText(/^40719: /);
  await app.locator("#undo").click();
  await expect(app.locator("#status")).toHaveText(/^4071: /);

  await app.locator("#eraser").click();
  for (let x = 120; x < 230; x += 20)
    await draw(app, [`|${x - 60},10 ${x - 60},160`], 130, 100, 140);
  // Of the 0 its foot is left, which is no digit.
  await expect(app.locator("#status")).toHaveText(/^471: /);
  await app.locator("#clear").click();
  await expect(app.locator("#status")).toHaveText("Nothing is written yet");
  await app.locator("#undo").click();
  await expect(app.locator("#status")).toHaveText(/^471: /);
});

test("what is no digit is not read as one", async ({ app }) => {
  await draw(
    app,
    ["10,60 30,20 50,110 70,10 90,120 110,20 130,100 60,70 20,90 120,50"],
    200,
    100,
    200,
  );
  await expect(app.locator("#status")).not.toHaveText(/Sure|sure of all|Nothing/);
});

test("how it sees: glyph, layers, and what mattered", async ({ app }) => {
  await draw(app, STYLES["7"]![1]!, 260, 110, 230);
  await expect(app.locator(".step:not(.stale)")).toHaveCount(11, { timeout: 15_000 });
  await expect(app.locator(".step").last()).toContainText("What mattered");
  await expect(app.locator("#sees-note")).toContainText("spoke for 7");
});

test("a photograph: the service reads it, and a digit can be looked at", async ({ app }) => {
  await app.locator("#tab-photo").click();
  await app.locator("#file").setInputFiles(SUMS);
  await expect(app.locator("#photo-by")).toHaveText(/^Read by the service/);
  await expect(app.locator("#status")).toHaveText(/17204, 935, 860241/);
  await app.locator("#photo-boxes button").nth(3).click();
  await expect(app.locator("#photo-boxes button").nth(3)).toHaveAttribute("aria-pressed", "true");
  await expect(app.locator(".step").first()).toBeVisible();
  await shoot(app, "photo");
});

test("a photograph without the service: this browser reads it, and says so", async ({ app }) => {
  await app.route("**/v1/**", (route) => route.abort());
  await app.locator("#tab-photo").click();
  await app.locator("#sample-sums").click();
  await expect(app.locator("#photo-by")).toHaveText(/^Read in this browser/, { timeout: 15_000 });
  await expect(app.locator("#status")).toHaveText(/17204, 935, 860241/);
});

test("from static files alone, without a service", async ({ page }) => {
  await ready(page, `http://localhost:${STATIC_PORT}/`);
  await write(page, "58");
  await expect(page.locator("#status")).toHaveText(/^58: /);
  await page.locator("#tab-photo").click();
  await page.locator("#sample-sums").click();
  await expect(page.locator("#photo-by")).toHaveText(/^Read in this browser/, { timeout: 15_000 });
});

test("a picture that is pasted or dropped", async ({ app }) => {
  const bytes = readFileSync(SUMS).toString("base64");
  for (const kind of ["paste", "drop"] as const) {
    await app.evaluate(
      ([data, type]) => {
        const content = Uint8Array.from(atob(data!), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([content], "sums.jpg", { type: "image/jpeg" }));
        const event =
          type === "paste"
            ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
            : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.getElementById("drop")!.dispatchEvent(event);
      },
      [bytes, kind],
    );
    await expect(app.locator("#photo-boxes button")).toHaveCount(14);
  }
});

test("the camera: live, frozen, and refused", async ({ app, browser, baseURL }) => {
  await app.context().grantPermissions(["camera"]);
  await app.locator("#tab-camera").click();
  await app.locator("#camera-start").click();
  await expect(app.locator("#camera-says")).toHaveText(/^Read live in this browser/);
  await app.locator("#freeze").click();
  await expect(app.locator("#camera-says")).toHaveText(/^Read (by the service|in this browser)/);
  const again = app.waitForRequest(/max_error=0\.01/);
  await app.locator("#dial").selectOption("0.01");
  await again;
  await expect(app.locator("#camera-says")).toHaveText(/^Read (by the service|in this browser)/);
  await app.locator("#camera-start").click();
  await expect(app.locator("#camera-empty")).toBeVisible();

  const refused = await (await browser.newContext()).newPage();
  await refused.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException("", "NotAllowedError"));
  });
  await ready(refused, `${baseURL}/#camera`);
  await refused.locator("#camera-start").click();
  await expect(refused.locator("#camera-says")).toHaveText(/refused\. Allow it/);
  await refused.close();
});

test("a camera that is left, or asked for twice, is let go", async ({ app }) => {
  await app.context().grantPermissions(["camera"]);
  await app.evaluate(() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    const streams: MediaStream[] = ((window as never as { streams: MediaStream[] }).streams = []);
    devices.getUserMedia = async (wanted) => {
      await new Promise((resume) => setTimeout(resume, 300));
      streams.push(await open(wanted));
      return streams.at(-1)!;
    };
  });
  const states = (): Promise<string[]> =>
    app.evaluate(() =>
      (window as never as { streams: MediaStream[] }).streams.map(
        (stream) => stream.getVideoTracks()[0]!.readyState,
      ),
    );
  await app.locator("#tab-camera").click();
  await app.locator("#camera-start").click();
  await app.locator("#tab-draw").click();
  await expect.poll(states).toEqual(["ended"]);
  await app.locator("#tab-camera").click();
  await app.locator("#camera-start").click();
  await app.locator("#camera-start").click();
  await expect.poll(states).toEqual(["ended", "ended", "live"]);
  await app.locator("#camera-start").click();
  await expect.poll(states).toEqual(["ended", "ended", "ended"]);
});

test("where the browser keeps nothing for a page", async ({ page, baseURL }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get: () => {
        throw new DOMException("", "SecurityError");
      },
    });
  });
  await ready(page, baseURL!);
  await page.locator("#theme").click();
  await expect(page.locator("#theme")).toHaveText("Theme: light");
});

test("corrections are kept, and exported as a folder that training reads", async ({ app }) => {
  let strokes = 1;
  for (const [value, styles] of Object.entries(STYLES)) {
    await draw(app, styles[1]!, 260, 110, 230);
    await answer(app, (strokes += styles[1]!.length));
    await app.getByRole("button", { name: `It was a ${value}` }).click();
    await expect(app.locator("#status")).toHaveText(`Kept as a ${value}`);
    await app.locator("#clear").click();
    await answer(app, ++strokes);
  }
  await app.reload();
  await expect(app.locator("#thumbs li")).toHaveCount(10);
  const download = app.waitForEvent("download");
  await app.locator("#export").click();
  const zip = unzipSync(readFileSync(await (await download).path()));
  for (const [name, content] of Object.entries(zip)) {
    const path = join(OUT, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content);
  }
  const script = `from pathlib import Path
from inkdigits.data.folder import load_folder
from inkdigits import Reader
data = load_folder(Path("${join(OUT, "inkdigits-corrections")}"))
print(data.labels.tolist(), [digit.value for digit in Reader().read_digits(data.images)])`;
  const said = execFileSync(PYTHON, ["-c", script], { encoding: "utf8" });
  expect(said.trim()).toBe(
    "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] " +
      JSON.stringify([..."0123456789"])
        .replaceAll('"', "'")
        .replaceAll(",", ", "),
  );
});

test("without a network after the first visit", async ({ app, context }) => {
  await expect(app.locator("#offline")).toBeVisible({ timeout: 20_000 });
  await context.setOffline(true);
  await app.reload();
  await expect(app.locator("html")).toHaveAttribute("data-ready", "yes", { timeout: 15_000 });
  await write(app, "31");
  await expect(app.locator("#status")).toHaveText(/^31: /);
  await app.locator("#tab-photo").click();
  await app.locator("#sample-number").click();
  await expect(app.locator("#photo-by")).toHaveText(/^Read in this browser/, { timeout: 15_000 });
});

test("with the keyboard alone", async ({ app }) => {
  const press = async (key: string, count = 1): Promise<void> => {
    for (let turn = 0; turn < count; turn++) await app.keyboard.press(key);
  };
  for (let turn = 0; turn < 20; turn++) {
    await press("Tab");
    if (await app.locator("#pad").evaluate((pad) => pad === document.activeElement)) break;
  }
  await press("Space");
  await press("ArrowDown", 22);
  await press("Space");
  await expect(app.locator("#status")).toHaveText("Sure: 1");
  await press("ArrowRight", 14);
  await press("Space");
  await press("ArrowUp", 22);
  await press("Space");
  await expect(app.locator("#status")).toHaveText("11: sure of all");
  await press("z");
  await expect(app.locator("#status")).toHaveText("Sure: 1");
  await press("c");
  await expect(app.locator("#status")).toHaveText("Nothing is written yet");
  await press("z");

  // On to the tabs and the answer.
  await app.locator("#tab-draw").focus();
  await press("ArrowRight");
  await expect(app.locator("#tab-photo")).toBeFocused();
  await expect(app.locator("#photo")).toBeVisible();
  await press("ArrowLeft");
  await app.locator("#read button").focus();
  await press("Enter");
  await expect(app.locator("#read button").first()).toBeFocused();
  await app.getByRole("button", { name: "It was a 1", exact: true }).focus();
  await press("Enter");
  await expect(app.locator("#thumbs li")).toHaveCount(1);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`no barrier that axe knows, and screenshots: ${colorScheme}`, async ({ app }) => {
    await app.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of [390, 768, 1440]) {
      await app.setViewportSize({ width, height: { 390: 844, 768: 1024 }[width] ?? 1240 });
      await app.locator("#tab-draw").click();
      await app
        .locator("#clear")
        .click({ force: true, timeout: 1000 })
        .catch(() => undefined);
      const text = width === 390 ? "47" : "40719";
      await write(app, text);
      await expect(app.locator("#status")).toHaveText(`${text}: sure of all`);
      await expect(app.locator("#sees-note")).toContainText(`spoke for ${text.at(-1)}`);
      await expect(app.locator(".step:not(.stale)")).toHaveCount(11, { timeout: 15_000 });
      await app.mouse.move(0, 0);
      await shoot(app, `draw-${colorScheme}-${width}`);
      expect(await barriers(app)).toEqual([]);
      const wide = await app.evaluate(() => document.documentElement.scrollWidth);
      expect(wide, "nothing sticks out").toBeLessThanOrEqual(width);
    }
    for (const mode of ["photo", "camera"]) {
      await app.locator(`#tab-${mode}`).click();
      if (mode === "photo") {
        await app.locator("#sample-number").click();
        await expect(app.locator("#photo-boxes button").first()).toBeVisible();
      }
      expect(await barriers(app)).toEqual([]);
    }
  });
}

test("first load: at most 8 MB over the wire", async ({ page, baseURL }) => {
  let bytes = 0;
  const sized: Promise<unknown>[] = [];
  page.on("requestfinished", (request) => {
    sized.push(request.sizes().then((sizes) => (bytes += sizes.responseBodySize)));
  });
  await page.addInitScript(() => {
    navigator.serviceWorker.register = () => Promise.reject(new Error("not now"));
  });
  await ready(page, baseURL!);
  await Promise.all(sized);
  record("load.json", { bytes });
  expect(bytes).toBeGreaterThan(2_000_000); // WebAssembly was counted
  expect(bytes).toBeLessThan(8_000_000);
});

/** Write digits side by side. */
async function write(page: Page, text: string): Promise<void> {
  const sheet = (await page.locator("#pad").boundingBox())!;
  const height = Math.min(0.62 * sheet.height, (0.8 * sheet.width * 1.4) / text.length);
  const left = (sheet.width - height * 0.76 * text.length) / 2;
  for (const [index, value] of [...text].entries()) {
    const style = STYLES[value]![index % 2]!;
    await draw(page, style, left + index * height * 0.76, (sheet.height - height) / 2, height);
  }
}

async function barriers(page: Page): Promise<unknown[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(OUT, `page-${name}.png`) });
}

function record(name: string, figures: unknown): void {
  mkdirSync(OUT, { recursive: true });
  writeFileSync(join(OUT, name), JSON.stringify(figures, null, 1));
  console.log(name, JSON.stringify(figures));
}
