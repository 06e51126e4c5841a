import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, type Page, type TestInfo } from "@playwright/test";

/** The key of the running server; without one nothing is tested. */
export const KEY = process.env.CAIRN_KEY ?? "";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A document that answers the question in one place, with text around it to scroll over. */
export const TOLD = "counts the passing ships every evening at nine";
export const ANSWER = `The keeper of the lighthouse at Skarvholm ${TOLD}.`;
const FILLER = Array.from(
  { length: 60 },
  (_, at) => `Entry ${at + 1}: the wind came from the north and the sea stayed rough until noon.`,
).join("\n\n");
export const DOCUMENT = `# Log of Skarvholm\n\n${FILLER}\n\n## Duties\n\n${ANSWER}\n\n${FILLER}\n`;
export const QUESTION = "When does the keeper of the lighthouse at Skarvholm count the passing ships?";

export async function signIn(page: Page, key = KEY): Promise<void> {
  await page.goto("/console/");
  await page.getByLabel("Key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toBeAttached();
}

export async function makeStore(page: Page, store: string): Promise<void> {
  await page.getByRole("link", { name: "Documents", exact: true }).first().click();
  await page.getByLabel("Name of the new store").fill(store);
  await page.getByRole("button", { name: "Make store" }).click();
  await expect(page.getByRole("heading", { level: 1, name: store })).toBeVisible();
}

export async function uploadDocument(page: Page, info: TestInfo): Promise<void> {
  const file = { name: "skarvholm.md", mimeType: "text/markdown", buffer: Buffer.from(DOCUMENT) };
  await page.getByLabel("Files to add").setInputFiles(file);
  const row = page.getByRole("row").filter({ hasText: "skarvholm.md" });
  await expect(row).toContainText("ready", { timeout: 120_000 });
  await look(page, info, "store");
}

export async function removeStore(page: Page, store: string): Promise<void> {
  await page.goto("/console/documents");
  await page.getByRole("button", { name: `Delete store ${store}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("button", { name: `Delete store ${store}` })).toHaveCount(0);
}

/** A screenshot for people, and what axe finds: nothing serious, and no sideways scrolling. */
export async function look(page: Page, info: TestInfo, name: string): Promise<void> {
  await page.screenshot({ path: `test-results/${info.project.name}-${name}.png` });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  // A few pixels of a focus ring may stand over the edge of a phone; text may not.
  expect(overflow, `${name} scrolls sideways`).toBeLessThanOrEqual(8);
  await page.evaluate(AXE);
  const findings = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  });
  expect(findings, `axe on ${name}`).toEqual([]);
}

interface Finding {
  id: string;
  impact: string;
  nodes: { html: string }[];
}
