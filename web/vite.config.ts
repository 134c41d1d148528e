/** The build: one folder of static files, which is all that the page needs. */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { unzipSync } from "fflate";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const BUNDLE = join(import.meta.dirname, "../src/inkdigits/shipped.digits");
const UNUSED = "strokes.onnx"; // whole pages are looked at by the service only
const PAGE = join(import.meta.dirname, "../src/inkdigits/service/page");
const COMPRESSED = /\.(css|html|js|json|onnx|svg|txt|wasm|webmanifest)$/;
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

/** While developing, the shipped bundle's parts are where the service has them. */
function model(): Plugin {
  return {
    name: "inkdigits-model",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use("/model/", (request, response) => {
        response.end(unzipSync(readFileSync(BUNDLE))[request.url!.slice(1)]);
      });
    },
  };
}

/** The model beside the page, the list of files for working offline, and compressed siblings. */
function page(): Plugin {
  return {
    name: "inkdigits-page",
    apply: "build",
    closeBundle() {
      mkdirSync(join(PAGE, "model"), { recursive: true });
      for (const [name, content] of Object.entries(unzipSync(readFileSync(BUNDLE)))) {
        if (name === UNUSED) continue;
        writeFileSync(join(PAGE, "model", name), content);
      }
      const files = readdirSync(PAGE, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
        .map((entry) => relative(PAGE, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
        .sort();
      const kept = files.filter((file) => !["sw.js", "index.html"].includes(file));
      const hash = createHash("sha256");
      for (const file of files) hash.update(file).update(readFileSync(join(PAGE, file)));
      const worker = join(PAGE, "sw.js");
      const constants = `const FILES=${JSON.stringify(kept)},VERSION="${hash.digest("hex").slice(0, 12)}";`;
      writeFileSync(worker, constants + readFileSync(worker, "utf8"));
      for (const file of files.filter((name) => COMPRESSED.test(name))) {
        const content = readFileSync(join(PAGE, file));
        writeFileSync(join(PAGE, `${file}.br`), brotliCompressSync(content, BROTLI));
        writeFileSync(join(PAGE, `${file}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: "./", // so that the page works in any folder of any host
  plugins: [model(), page()],
  worker: { format: "es" },
  build: {
    outDir: PAGE,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false }, // it would be an inline script
    rolldownOptions: {
      input: { index: "index.html", sw: "src/sw.ts" },
      output: {
        entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
  test: { include: ["tests/*.test.ts"], testTimeout: 30_000 },
});
