/** Real Chromium against the real service: npm run e2e, or make webtest. */

import { defineConfig } from "@playwright/test";

const PORT = 8931;
export const STATIC_PORT = 8932;
const SERVE =
  process.env["SERVE"] ?? `../.venv/bin/inkdigits serve --port ${PORT} --no-log-requests`;
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "e2e",
  outputDir: "../out/page", // screenshots, and what explains a failure
  workers: 1,
  timeout: 60_000,
  reporter: "list",
  use: {
    baseURL: `http://localhost:${PORT}`,
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream"],
    },
  },
  webServer: [
    { command: SERVE, url: `http://localhost:${PORT}/model/manifest.json`, timeout: 60_000 },
    // The same files from a host that knows nothing of them.
    { command: `npx vite preview --strictPort --port ${STATIC_PORT}`, port: STATIC_PORT },
  ],
});
