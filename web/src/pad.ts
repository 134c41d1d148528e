/** The drawing sheet: pen, finger, mouse or keyboard; eraser, undo, clear. */

import { byId } from "./dom.ts";
import { type Point, scaled, smooth, type Stroke } from "./stroke.ts";

const STEP_PX = 8; // of the keyboard's pen; with Shift three times as much
const ERASER = 2.4; // times the pen
const MIN_MOVE_PX = 1.2;

/** A drawing as it is read. */
export interface Drawing {
  readonly strokes: readonly Stroke[];
  readonly width: number;
  readonly height: number;
}

/** Set up the sheet; `onChange` is called after each stroke, with the time when it ended. */
export function setUpPad(onChange: (drawing: Drawing, since: number) => void): { redraw(): void } {
  const canvas = byId<HTMLCanvasElement>("pad");
  const context = canvas.getContext("2d", { desynchronized: true })!;
  const invitation = byId("invitation");
  const [pen, eraser] = [byId("pen"), byId("eraser")];
  const [undo, clear] = [byId<HTMLButtonElement>("undo"), byId<HTMLButtonElement>("clear")];
  let strokes: Stroke[] = [];
  let undone: Stroke[][] = []; // what was there before each change
  let current: Point[] | undefined;
  let pointer: number | undefined;
  let isErasing = false;
  let cursor: { x: number; y: number } | undefined; // of the keyboard
  let width = 0;
  let height = 0;

  const radius = (): number =>
    Math.max(4.5, Math.min(width, height) / 68) * (isErasing ? ERASER : 1);

  function change(next: Stroke[]): void {
    const since = performance.now();
    undone.push(strokes);
    strokes = next;
    changed(since);
  }

  function changed(since: number): void {
    undo.disabled = undone.length === 0;
    clear.disabled = strokes.length === 0;
    invitation.hidden = strokes.length > 0 || current !== undefined;
    redraw();
    onChange({ strokes, width, height }, since);
  }

  function finish(): void {
    if (!current) return;
    const points = smooth(current);
    current = undefined;
    change([...strokes, { points, isEraser: isErasing }]);
  }

  function takeBack(): void {
    const before = undone.pop();
    if (!before) return;
    strokes = before;
    changed(performance.now());
  }

  function choose(erasing: boolean): void {
    finish();
    isErasing = erasing;
    pen.setAttribute("aria-pressed", String(!erasing));
    eraser.setAttribute("aria-pressed", String(erasing));
  }

  // --- painting on the screen

  function redraw(): void {
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    for (const stroke of strokes) show(stroke.points, Boolean(stroke.isEraser));
    if (current) show(current, isErasing);
    if (cursor && document.activeElement === canvas) showCursor(cursor.x, cursor.y);
  }

  function show(points: readonly Point[], erases: boolean): void {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.strokeStyle = context.fillStyle = getComputedStyle(canvas).getPropertyValue("--pen");
    context.lineCap = "round";
    points.forEach((point, index) => {
      const before = points[index - 1];
      context.beginPath();
      if (before) {
        context.lineWidth = before.r + point.r;
        context.moveTo(before.x, before.y);
        context.lineTo(point.x, point.y);
        context.stroke();
      } else {
        context.arc(point.x, point.y, point.r, 0, 2 * Math.PI);
        context.fill();
      }
    });
    context.globalCompositeOperation = "source-over";
  }

  function showCursor(x: number, y: number): void {
    context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--ink");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, radius() + 5, 0, 2 * Math.PI);
    context.moveTo(x - 14, y);
    context.lineTo(x + 14, y);
    context.moveTo(x, y - 14);
    context.lineTo(x, y + 14);
    context.stroke();
  }

  // --- pointers

  function pointOf(event: PointerEvent): Point {
    const place = canvas.getBoundingClientRect();
    // Only pens know their pressure; fingers and mice say 0, 0.5 or 1.
    const press =
      event.pointerType === "pen" && event.pressure > 0 ? 0.55 + 0.9 * event.pressure : 1;
    return {
      x: event.clientX - place.left,
      y: event.clientY - place.top,
      r: radius() * (isErasing ? 1 : press),
    };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== undefined || event.button > 0) return;
    finish();
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    cursor = undefined;
    invitation.hidden = true;
    current = [pointOf(event)];
    redraw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer || !current) return;
    const fine = event.getCoalescedEvents?.() ?? [];
    const start = current.length - 1;
    for (const each of fine.length ? fine : [event]) {
      const point = pointOf(each);
      const last = current.at(-1)!;
      if (Math.hypot(point.x - last.x, point.y - last.y) >= MIN_MOVE_PX) current.push(point);
    }
    show(current.slice(start), isErasing);
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(type, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = undefined;
      finish();
    });
  }

  // --- keyboard

  const moves: Record<string, readonly [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  canvas.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.altKey || ((event.ctrlKey || event.metaKey) && key !== "z")) return;
    const move = moves[key];
    cursor ??= { x: width / 2, y: height / 3 };
    if (move) {
      const step = STEP_PX * (event.shiftKey ? 3 : 1);
      cursor = {
        x: Math.min(Math.max(cursor.x + move[0] * step, 0), width),
        y: Math.min(Math.max(cursor.y + move[1] * step, 0), height),
      };
      current?.push({ ...cursor, r: radius() });
    } else if (key === " " || key === "Enter") {
      if (current) finish();
      else current = [{ ...cursor, r: radius() }];
      invitation.hidden = true;
    } else if (key === "z") takeBack();
    else if (key === "e") choose(!isErasing);
    else if (key === "c") clear.click();
    else return;
    event.preventDefault();
    redraw();
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", () => {
    finish();
    redraw();
  });

  pen.addEventListener("click", () => choose(false));
  eraser.addEventListener("click", () => choose(true));
  undo.addEventListener("click", takeBack);
  clear.addEventListener("click", () => {
    if (strokes.length) change([]);
    choose(false);
  });

  new ResizeObserver(() => {
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    if (!wide || (wide === width && high === height)) return;
    const scale = Math.min(wide / (width || wide), high / (height || high));
    [width, height] = [wide, high];
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    strokes = strokes.map((stroke) => scaled(stroke, scale));
    undone = undone.map((before) => before.map((stroke) => scaled(stroke, scale)));
    changed(performance.now());
  }).observe(canvas);
  undo.disabled = clear.disabled = true;
  return { redraw };
}
