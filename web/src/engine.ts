/** Asks the worker, and the service where there is one. */

import type { Manifest } from "./reading/decide.ts";
import type { Page } from "./reading/page.ts";
import type { Answers, Kind, Message, Reply, Requests } from "./worker.ts";

const SERVICE_MS = 20_000;

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const waiting = new Map<
  number,
  { resolve: (answer: never) => void; reject: (why: Error) => void }
>();
let lastId = 0;

worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  const asked = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error === undefined) asked?.resolve(data.answer as never);
  else asked?.reject(new Error(data.error));
};
worker.onerror = (event) => {
  for (const { reject } of waiting.values()) reject(new Error(event.message || "it did not start"));
  waiting.clear();
};

/** Ask the network. */
export function ask<K extends Kind>(kind: K, request: Requests[K]): Promise<Answers[K]> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, kind, request } as Message);
  });
}

export const open = (): Promise<Manifest> => ask("open", { base: document.baseURI });

/** Let the service read a picture; undefined, with the reason, where it cannot. */
export async function askService(
  picture: Blob,
  isSingle: boolean,
  maxError: number,
): Promise<{ page?: Page; why?: string }> {
  if (!(await hasService())) return {};
  const mode = isSingle ? "single" : "page";
  try {
    const response = await fetch(`v1/read?mode=${mode}&max_error=${maxError}`, {
      method: "POST",
      body: picture,
      headers: { "content-type": picture.type || "application/octet-stream" },
      signal: AbortSignal.timeout(SERVICE_MS),
    });
    const answer = (await response.json()) as Page | Page[] | { detail?: string };
    if (!response.ok) {
      const detail = (answer as { detail?: string }).detail ?? `status ${response.status}`;
      return { why: `The service declined: ${detail}` };
    }
    return { page: Array.isArray(answer) ? answer[0]! : (answer as Page) };
  } catch {
    return { why: "The service did not answer." };
  }
}

let service: Promise<boolean> | undefined;

/** Whether a service answers where this page came from; asked once, and again when offline. */
function hasService(): Promise<boolean> {
  service ??= fetch("v1/model", { signal: AbortSignal.timeout(3000) })
    .then((response) => response.ok && isJson(response))
    .catch(() => false)
    .then((answers) => {
      if (!answers) service = undefined;
      return answers;
    });
  return service;
}

const isJson = (response: Response): boolean =>
  (response.headers.get("content-type") ?? "").includes("json");
