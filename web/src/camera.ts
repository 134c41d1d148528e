/** The camera: read live in this browser; frozen, the picture is read like a photograph. */

import { byId } from "./dom.ts";
import { ask } from "./engine.ts";
import type { View } from "./boxes.ts";
import { pixels, readPicture } from "./photo.ts";

const LIVE_AREA_PX = 400_000;
const PAUSE_MS = 120; // between two live readings, for everything else
const REFUSALS: Record<string, string> = {
  NotAllowedError:
    "The camera was refused. Allow it for this page in the browser's settings, and start again; or choose a photo.",
  NotFoundError: "This device has no camera. Choose a photo instead.",
  NotReadableError: "Another program has the camera. Close it, and start again.",
  OverconstrainedError: "This device has no camera that fits. Choose a photo instead.",
};

// Not yet in the types of the DOM.
type Torch = MediaTrackCapabilities & { torch?: boolean };
type TorchSetting = MediaTrackConstraintSet & { torch: boolean };

/** Set up the panel; `onView` gets each reading. */
export function setUpCamera(
  maxError: () => number,
  onView: (view: View | undefined) => void,
): { readAgain(): void; stop(): void } {
  const video = byId<HTMLVideoElement>("video");
  const still = byId<HTMLCanvasElement>("still");
  const start = byId<HTMLButtonElement>("camera-start");
  const freeze = byId("freeze");
  const torch = byId("torch");
  const says = byId("camera-says");
  const live = document.createElement("canvas");
  let stream: MediaStream | undefined;
  let turn = 0; // of asking for the camera; one that is left or asked for again is let go

  function show(isOn: boolean): void {
    byId("camera-frame").hidden = !isOn;
    byId("camera-empty").hidden = isOn;
    freeze.hidden = !isOn;
    torch.hidden = true;
    start.textContent = isOn ? "Stop the camera" : "Start the camera";
    start.classList.toggle("primary", !isOn);
    setFrozen(false);
  }

  function setFrozen(isFrozen: boolean): void {
    freeze.setAttribute("aria-pressed", String(isFrozen));
    freeze.textContent = isFrozen ? "Go on" : "Freeze";
    still.hidden = !isFrozen;
    video.hidden = isFrozen;
  }

  async function begin(): Promise<void> {
    if (!navigator.mediaDevices) {
      says.textContent =
        "Browsers give the camera only to pages from this device or over HTTPS. Choose a photo instead.";
      return;
    }
    const mine = ++turn;
    says.textContent = "Asking for the camera…";
    let asked: MediaStream;
    try {
      asked = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 } },
      });
    } catch (error) {
      const { name, message } = error as DOMException;
      if (mine === turn) {
        says.textContent = REFUSALS[name] ?? `The camera did not start: ${message || name}.`;
      }
      return;
    }
    if (mine !== turn) {
      for (const track of asked.getTracks()) track.stop();
      return;
    }
    stream = asked;
    video.srcObject = stream;
    show(true);
    await video.play();
    if (stream !== asked) return;
    says.textContent =
      "Read live in this browser; no picture is kept or sent. Freeze to look closer.";
    const [track] = stream.getVideoTracks();
    torch.hidden = !(track?.getCapabilities?.() as Torch | undefined)?.torch;
    torch.setAttribute("aria-pressed", "false");
    track?.addEventListener("ended", stop);
    void readLive(stream);
  }

  function stop(): void {
    turn++;
    says.textContent = "";
    if (!stream) return;
    for (const track of stream.getTracks()) track.stop();
    stream = undefined;
    video.srcObject = null;
    show(false);
    onView(undefined);
  }

  async function readLive(mine: MediaStream): Promise<void> {
    while (stream === mine) {
      if (still.hidden && video.videoWidth && !document.hidden) {
        const scale = Math.min(1, Math.sqrt(LIVE_AREA_PX / (video.videoWidth * video.videoHeight)));
        draw(live, scale);
        const request = { picture: pixels(live), isSingle: false, area_px: LIVE_AREA_PX };
        const look = await ask("picture", { ...request, maxError: maxError() }).catch(
          () => undefined,
        );
        if (stream === mine && still.hidden && look) {
          onView({ ...look, width: live.width, height: live.height, source: live, by: "" });
        }
      }
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
  }

  async function readStill(): Promise<void> {
    says.textContent = "Reading…";
    const blob = await new Promise<Blob | null>((resolve) =>
      still.toBlob(resolve, "image/jpeg", 0.95),
    );
    const asked = maxError();
    const view = await readPicture(still, blob ?? undefined, still.width, false, asked);
    if (still.hidden || asked !== maxError()) return;
    says.textContent = view.by;
    onView(view);
  }

  function draw(canvas: HTMLCanvasElement, scale: number): void {
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas
      .getContext("2d", { willReadFrequently: true })!
      .drawImage(video, 0, 0, canvas.width, canvas.height);
  }

  function readAgain(): void {
    if (still.hidden) return;
    readStill().catch(
      (error: Error) => (says.textContent = `It could not be read: ${error.message}`),
    );
  }

  start.onclick = () => (stream ? stop() : void begin());
  freeze.onclick = () => {
    if (!still.hidden) {
      setFrozen(false);
      says.textContent = "";
    } else if (video.videoWidth) {
      draw(still, 1);
      setFrozen(true);
      readAgain();
    }
  };
  torch.onclick = async () => {
    const isOn = torch.getAttribute("aria-pressed") !== "true";
    const setting: TorchSetting = { torch: isOn };
    await stream?.getVideoTracks()[0]?.applyConstraints({ advanced: [setting] });
    torch.setAttribute("aria-pressed", String(isOn));
  };
  show(false);
  return { readAgain, stop };
}
