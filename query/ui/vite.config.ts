// Builds into query/_ui: hashed files under assets/, one lazy chunk per page, no inline script or style (strict CSP).
// `npm run dev` asks a running `kubelapse up` or `kubelapse demo`; KUBELAPSE_SERVER names another one.
import { defineConfig } from "vite";

declare const process: { env: Record<string, string | undefined> };
const server = process.env["KUBELAPSE_SERVER"] ?? "http://127.0.0.1:7117";

export default defineConfig({
  base: "./", // pages are one segment deep, so the same files serve behind any path prefix
  build: {
    outDir: "../_ui",
    emptyOutDir: true,
    assetsInlineLimit: 0, // no data: URLs
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox121", "safari17.5"], // light-dark(), :has()
  },
  server: {
    fs: { allow: ["../.."] }, // the guide, whose examples the SQL page shows
    port: 5173,
    proxy: Object.fromEntries(["/api", "/auth", "/version", "/readyz", "/openapi.json"].map(at => [at, { target: server, changeOrigin: true }])),
  },
});
