import { defineConfig } from "@playwright/test";

/**
 * The console against a running server:
 * `CAIRN_URL=http://127.0.0.1:8080 CAIRN_KEY=... npm run e2e`.
 * `CHROMIUM` names another browser executable than Debian's.
 */
export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results/traces",
  timeout: 420_000,
  workers: 1,
  reporter: "list",
  use: {
    baseURL: process.env.CAIRN_URL ?? "http://127.0.0.1:8080",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "wide", use: { viewport: { width: 1280, height: 800 } } },
    { name: "phone", use: { viewport: { width: 390, height: 844 }, hasTouch: true } },
  ],
});
