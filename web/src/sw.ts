/** Keeps the page in the browser, so that it opens without a network after the first visit. */

import type { Manifest } from "./reading/decide.ts";

declare const self: ServiceWorkerGlobalScope;

// Filled in by the build (vite.config.ts): all files of the page, and a hash over them.
declare const FILES: string[];
declare const VERSION: string;

const MANIFEST = "model/manifest.json";
const LINES = "model/lines.onnx"; // which not every bundle has
const CACHE = `inkdigits-${VERSION}`;

self.addEventListener("install", (event) => {
  const fill = async (): Promise<void> => {
    const cache = await caches.open(CACHE);
    await cache.addAll(["./", ...FILES.filter((file) => file !== LINES)]);
    if (await hasLines(cache)) await cache.add(LINES);
    await self.skipWaiting();
  };
  event.waitUntil(fill());
});

self.addEventListener("activate", (event) => {
  const tidy = async (): Promise<void> => {
    const old = (await caches.keys()).filter(
      (key) => key.startsWith("inkdigits-") && key !== CACHE,
    );
    await Promise.all(old.map((key) => caches.delete(key)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname.slice(
    new URL(self.registration.scope).pathname.length,
  );
  if (request.method !== "GET" || !["", LINES, ...FILES].includes(path)) return;
  // What has a hash in its name never changes; the rest is asked for, as a service may be restarted
  // with another model.
  event.respondWith(path.startsWith("assets/") ? cacheFirst(request) : networkFirst(request));
});

/** Whether the bundle that is served reads lines; the page may have been built with another. */
async function hasLines(cache: Cache): Promise<boolean> {
  const manifest = (await (await cache.match(MANIFEST))?.json()) as Manifest | undefined;
  return manifest?.members["lines.onnx"] !== undefined;
}

async function cacheFirst(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

async function networkFirst(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
