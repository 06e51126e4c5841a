import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, type Page, type TestInfo } from "@playwright/test";
import { DOCUMENT, KEY, look, makeStore, removeStore, signIn } from "./steps";

/** A folder of this machine that the server's sources may read. */
const FOLDER = process.env.SOURCES_FOLDER ?? "";

test.beforeEach(() => {
  test.skip(KEY === "" || FOLDER === "", "CAIRN_URL, CAIRN_KEY and SOURCES_FOLDER name the running server to test");
});

test("add a source, edit it, and remove it with its documents", async ({ page }, info) => {
  const name = `console-e2e-source-${info.project.name}-${Date.now()}`;
  const folder = join(FOLDER, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "skarvholm.md"), DOCUMENT);
  await signIn(page);
  try {
    await makeStore(page, name);
    await addSource(page, info, name, folder);
    await editSource(page, info, folder);
    await removeSource(page, info, name);
  } finally {
    await removeStore(page, name);
  }
});

/** Fills the form: first without a path, then with one that may not be read, then as it should be. */
async function addSource(page: Page, info: TestInfo, name: string, folder: string): Promise<void> {
  await page.goto("/console/documents?tab=sources");
  await page.getByRole("link", { name: "Add a source", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Add a source" })).toBeVisible();
  await page.getByRole("radio", { name: "Mailboxes (IMAP)" }).check();
  await expect(page.getByLabel("Password", { exact: true })).toHaveAttribute("type", "password");
  await look(page, info, "source-mailboxes");
  await page.getByRole("radio", { name: "A folder of the server" }).check();
  await page.getByLabel("Store that it fills").selectOption({ label: name });
  await page.getByLabel("Name of the source").fill(name);

  const path = page.getByLabel("Path of the folder");
  const add = page.getByRole("button", { name: "Add source", exact: true });
  await add.click();
  await expect(path).toBeFocused();
  await expect(path).toHaveAccessibleDescription(/This is needed/);
  await path.fill("/not-allowed/anywhere");
  await add.click();
  await expect(path).toHaveAccessibleDescription(/may not be read/);
  await expect(path).toBeFocused();
  await look(page, info, "source-form");

  await path.fill(folder);
  await page.getByLabel("Take only").fill("*.md");
  await add.click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  const row = page.getByRole("table", { name: "Items" }).getByRole("row").filter({ hasText: "skarvholm.md" });
  await expect(row).toContainText("ready", { timeout: 120_000 });
}

/** Changes how often it is looked at; the other fields are there as they were typed. */
async function editSource(page: Page, info: TestInfo, folder: string): Promise<void> {
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Edit the source" })).toBeVisible();
  await expect(page.getByLabel("Path of the folder")).toHaveValue(folder);
  await expect(page.getByLabel("Take only")).toHaveValue("*.md");
  await page.getByLabel("Looked at every").fill("2");
  await look(page, info, "source-edit");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("every 2 hours")).toBeVisible();
}

/** Finds it in the list and removes it there; its document goes with it. */
async function removeSource(page: Page, info: TestInfo, name: string): Promise<void> {
  await page.goto("/console/documents?tab=sources");
  const remove = page.getByRole("button", { name: `Remove source ${name}` });
  await expect(page.getByRole("table", { name: "Sources" })).toContainText(name);
  await look(page, info, "source-listed");
  await remove.click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("1 document");
  await look(page, info, "source-remove");
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  // What is behind a dialog has no role: only once it is gone does the list tell.
  await expect(dialog).toHaveCount(0);
  await expect(remove).toHaveCount(0);
  await page.getByRole("tab", { name: "Stores" }).click();
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByText("This store holds no document.")).toBeVisible();
}
