import { readFileSync } from "node:fs";
import { expect, test, type Page, type TestInfo } from "@playwright/test";
import { ANSWER, KEY, look, makeStore, removeStore, signIn, uploadDocument } from "./steps";

const HEADERS = { authorization: `Bearer ${KEY}` };

test.beforeEach(() => {
  test.skip(KEY === "", "CAIRN_URL and CAIRN_KEY name the running server to test");
});

test("a file that failed says why, and is read again", async ({ page }, info) => {
  const store = `console-e2e-failed-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await failAndReadAgain(page, info);
  } finally {
    await removeStore(page, store);
  }
});

test("a file’s attributes and readers are set, and its text is read and saved", async ({ page }, info) => {
  const store = `console-e2e-file-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    await openFile(page, "skarvholm.md");
    await setAttributes(page, info);
    await setReaders(page, info);
    await readText(page);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("button", { name: "skarvholm.md", exact: true })).toBeFocused();
    await readBack(page);
  } finally {
    await removeStore(page, store);
  }
});

async function openFile(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
  await expect(page.getByRole("dialog")).toContainText("In the index");
  await expect(page.getByText(/^Reading /)).toHaveCount(0);
}

/** Adds a PDF that is none; its sheet tells the remedy, and reading it again comes to the same. */
async function failAndReadAgain(page: Page, info: TestInfo): Promise<void> {
  const file = { name: "broken.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7\nnothing follows\n") };
  await page.getByLabel("Files to add").setInputFiles(file);
  const row = page.getByRole("table", { name: "Files" }).getByRole("row").filter({ hasText: "broken.pdf" });
  await expect(row).toContainText("failed", { timeout: 120_000 });
  await openFile(page, "broken.pdf");
  const sheet = page.getByRole("dialog");
  await expect(sheet.getByText("The file itself cannot be read.")).toBeVisible();
  await expect(sheet).toContainText("invalid_file");
  await expect(sheet).toContainText("save it anew without a password");
  await expect(sheet.getByRole("button", { name: "Download text" })).toHaveCount(0);
  await look(page, info, "file-failed");

  const asked = page.waitForResponse((reply) => reply.request().method() === "POST" && /\/files$/.test(reply.url()));
  await sheet.getByRole("button", { name: "Read again" }).click();
  const reply = await asked;
  expect(reply.status()).toBe(200);
  expect(((await reply.json()) as { status: string }).status).toBe("in_progress");
  await expect(sheet.getByRole("button", { name: "Read again" })).toBeVisible({ timeout: 120_000 });
  await expect(sheet.getByText("The file itself cannot be read.")).toBeVisible();
  await page.keyboard.press("Escape");
}

/** By keyboard: a number that is none is told at its field; then both attributes are kept. */
async function setAttributes(page: Page, info: TestInfo): Promise<void> {
  const sheet = page.getByRole("dialog");
  const add = sheet.getByRole("button", { name: "Add attribute" });
  await add.focus();
  await page.keyboard.press("Enter");
  await expect(sheet.getByLabel("Name of attribute 1")).toBeFocused();
  await page.keyboard.type("year");
  await sheet.getByLabel("Kind of attribute 1").selectOption("number");
  const value = sheet.getByLabel("Value of attribute 1");
  await value.fill("twelve");
  await sheet.getByRole("button", { name: "Save attributes" }).click();
  await expect(value).toBeFocused();
  await expect(value).toHaveAccessibleDescription(/Write a number/);
  await look(page, info, "file-attributes");
  await value.fill("1893");
  await add.click();
  await sheet.getByLabel("Name of attribute 2").fill("shelf");
  await sheet.getByLabel("Value of attribute 2").fill("north");
  await add.click();
  await sheet.getByRole("button", { name: "Remove attribute 3" }).click();
  await expect(add).toBeFocused();
  await sheet.getByRole("button", { name: "Save attributes" }).click();
  await expect(sheet.getByText("Saved: searches use them from now on.")).toBeVisible();
}

/** A name that can be none is refused at its field; then only a group may read the file. */
async function setReaders(page: Page, info: TestInfo): Promise<void> {
  const sheet = page.getByRole("dialog");
  await expect(sheet.getByLabel("Everyone of the tenant")).toBeChecked();
  await sheet.getByLabel("Only these users and groups").check();
  const names = sheet.getByLabel("Users and groups", { exact: true });
  await names.fill("group:bo|ard");
  await sheet.getByRole("button", { name: "Save readers" }).click();
  await expect(names).toHaveAccessibleDescription(/cannot name a user or group/);
  await names.fill("group:board, user:ada");
  await sheet.getByRole("button", { name: "Save readers" }).click();
  await expect(sheet.getByText("Saved: it may be read by 2 users and groups from now on.")).toBeVisible();
  await expect(sheet.getByText(/Your own questions are not answered from it/)).toBeVisible();
  await look(page, info, "file-readers");
}

async function readText(page: Page): Promise<void> {
  const sheet = page.getByRole("dialog");
  const saved = page.waitForEvent("download");
  await sheet.getByRole("button", { name: "Download text" }).click();
  const download = await saved;
  expect(download.suggestedFilename()).toBe("skarvholm.md.txt");
  expect(readFileSync(await download.path(), "utf8")).toContain(ANSWER);
  await sheet.getByRole("tab", { name: "Text" }).click();
  await expect(sheet.getByRole("region", { name: "Text of skarvholm.md" })).toContainText("Log of Skarvholm");
}

/** What was set is what the server has, and what the sheet shows when it is opened anew. */
async function readBack(page: Page): Promise<void> {
  const storeId = /documents\/(vs_[^/?]+)/.exec(page.url())?.[1] ?? "";
  const listed = await page.request.get(`/v1/vector_stores/${storeId}/files`, { headers: HEADERS });
  const [file] = ((await listed.json()) as { data: { id: string; attributes: object }[] }).data;
  expect(file?.attributes).toEqual({ year: 1893, shelf: "north" });
  const held = await page.request.get(`/cairn/v1/files/${file?.id}/access`, { headers: HEADERS });
  expect(((await held.json()) as { access: string[] }).access).toEqual(["group:board", "user:ada"]);

  await page.reload();
  await openFile(page, "skarvholm.md");
  const sheet = page.getByRole("dialog");
  await expect(sheet.getByLabel("Users and groups", { exact: true })).toHaveValue("group:board, user:ada");
  const names = ["Name of attribute 1", "Name of attribute 2"];
  const shown = await Promise.all(names.map((label) => sheet.getByLabel(label).inputValue()));
  expect(shown.sort()).toEqual(["shelf", "year"]);
  await page.keyboard.press("Escape");
}
