import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` sends API calls: a running server. */
const server = process.env.CAIRN_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    target: "es2022",
    // The console is served under `default-src 'self'`: nothing may become a data: address.
    assetsInlineLimit: 0,
    // One style sheet, so that a page that loads later never restyles the one shown.
    cssCodeSplit: false,
  },
  server: {
    proxy: { "/v1": server, "/cairn": server, "/metrics": server, "/openapi.json": server },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
