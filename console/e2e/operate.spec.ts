import { readFileSync } from "node:fs";
import { expect, test, type Page, type TestInfo } from "@playwright/test";
import { KEY, look, makeStore, removeStore, signIn, uploadDocument } from "./steps";

const HEADERS = { authorization: `Bearer ${KEY}` };

test.beforeEach(() => {
  test.skip(KEY === "", "CAIRN_URL and CAIRN_KEY name the running server to test");
});

test("a deleted file has a certificate after a purge, to read and to save", async ({ page }, info) => {
  const store = `console-e2e-erased-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    const id = await deleteFile(page);
    await page.goto("/console/operate");
    await purge(page);
    await seeCertificate(page, info, id);
  } finally {
    await removeStore(page, store);
  }
});

test("a key speaks for users and groups, and a viewer’s sees what it may", async ({ page, browser }, info) => {
  const name = `console-e2e-key-${info.project.name}-${Date.now()}`;
  const who = await page.request.get("/cairn/v1/whoami", { headers: HEADERS });
  const { tenant } = (await who.json()) as { tenant: string };
  await signIn(page);
  const store = `console-e2e-readers-${info.project.name}-${Date.now()}`;
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    const address = page.url();
    const key = await makeKey(page, info, tenant, name);
    const context = await browser.newContext({ viewport: page.viewportSize() });
    const theirs = await context.newPage();
    await signIn(theirs, key);
    await seeAsViewer(theirs, info, address);
    await changeKey(page, info, name);
    await rotateKey(page, info, name, key);
    await context.close();
    await revoke(page, name);
  } finally {
    await removeStore(page, store);
  }
});

test("verify tells what differs, and repairs it", async ({ page }, info) => {
  await signIn(page);
  await page.goto("/console/operate");
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await expect(page.getByText("Indexes, vectors and bytes agree with the records.")).toBeVisible({ timeout: 120_000 });

  // What a sound server has none of is told by a reply of its kind.
  const found = {
    clean: false,
    findings: [{ store: "vs_example", missing: 3, orphaned: 1 }],
    without_vectors: [{ store: "vs_example", file: "file-example" }],
    orphaned_blobs: ["ab/stray"],
    missing_blobs: [],
    repaired: false,
  };
  const repairs: boolean[] = [];
  await page.route("**/cairn/v1/verify", async (route) => {
    const { repair } = route.request().postDataJSON() as { repair: boolean };
    repairs.push(repair);
    await route.fulfill({ json: { ...found, repaired: repair } });
  });
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await expect(page.getByText(/^Not as the records say: 1 index, vectors of 1 document, 1 stray file/)).toBeVisible();
  const table = page.getByRole("table", { name: "Differences" });
  await expect(table).toContainText("3 points missing, 1 too many");
  await look(page, info, "verify");
  await page.getByRole("button", { name: "Repair", exact: true }).click();
  await expect(page.getByText(/^All that differed was repaired/)).toBeVisible();
  await expect(page.getByRole("heading", { name: "Verify" })).toBeFocused();
  expect(repairs).toEqual([false, true]);

  // The newest result is there after another page.
  await page.getByRole("link", { name: "Models", exact: true }).click();
  await page.getByRole("link", { name: "Operate", exact: true }).click();
  await expect(page.getByText(/^All that differed was repaired/)).toBeVisible();
});

/** Deletes the only file of the open store everywhere, from its sheet; its id. */
async function deleteFile(page: Page): Promise<string> {
  await page.getByRole("button", { name: "skarvholm.md", exact: true }).click();
  const deleted = page.waitForResponse((reply) => reply.request().method() === "DELETE");
  await page.getByRole("dialog").getByRole("button", { name: "Remove skarvholm.md" }).click();
  const asked = page.getByRole("dialog", { name: /^Remove “skarvholm.md”/ });
  await asked.getByLabel(/Also delete the file itself/).check();
  await asked.getByRole("button", { name: "Remove", exact: true }).click();
  const reply = await deleted;
  expect(reply.status()).toBe(200);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByText("This store holds no document.")).toBeVisible();
  return ((await reply.json()) as { id: string }).id;
}

async function purge(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Purge", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Readers do not wait");
  await dialog.getByRole("button", { name: "Purge", exact: true }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText(/certificates? signed\.$/)).toBeVisible({ timeout: 120_000 });
}

async function seeCertificate(page: Page, info: TestInfo, id: string): Promise<void> {
  await page.getByLabel("Filter Deletes").fill(id);
  const row = page.getByRole("table", { name: "Deletes" }).getByRole("row").filter({ hasText: "somebody deleted it" });
  await expect(row).toContainText("certified");
  await look(page, info, "deletes");
  await page.getByRole("button", { name: `Delete of file ${id}` }).click();
  const sheet = page.getByRole("dialog");
  await expect(sheet.getByRole("region", { name: "Statement" })).toContainText("cairn.erasure.v1");
  await expect(sheet).toContainText("Chunks with vectors");
  await look(page, info, "certificate");
  const saved = page.waitForEvent("download");
  await sheet.getByRole("button", { name: "Download certificate" }).click();
  const kept = JSON.parse(readFileSync(await (await saved).path(), "utf8")) as { statement: string; signature: string };
  expect((JSON.parse(kept.statement) as { subject: string }).subject).toBe(id);
  expect(kept.signature).toMatch(/^[0-9a-f]{128}$/);
  await page.keyboard.press("Escape");
}

/** Makes a viewer's key that speaks for a user and a group; the secret. */
async function makeKey(page: Page, info: TestInfo, tenant: string, name: string): Promise<string> {
  await page.goto("/console/operate");
  await page.getByLabel("Tenant", { exact: true }).fill(tenant);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Speaks for", { exact: true }).fill("user:ada, group:board");
  await page.getByRole("button", { name: "Make key" }).click();
  const dialog = page.getByRole("dialog", { name: "The new key" });
  const key = await dialog.locator("code").innerText();
  await dialog.getByRole("button", { name: "I have kept it" }).click();
  const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("user:ada, group:board");
  await look(page, info, "keys");
  return key;
}

/** A viewer reads a file's facts, and is shown nothing that its key may not do. */
async function seeAsViewer(page: Page, info: TestInfo, address: string): Promise<void> {
  await page.goto(address);
  await page.getByRole("button", { name: "skarvholm.md", exact: true }).click();
  const sheet = page.getByRole("dialog");
  await expect(sheet).toContainText("everyone of the tenant");
  await expect(sheet.getByText("None.")).toBeVisible();
  await expect(sheet.getByRole("button", { name: /Save|Add attribute|^Remove/ })).toHaveCount(0);
  await look(page, info, "file-viewer");
  await page.goto("/console/operate");
  await expect(page.getByRole("heading", { name: "Engines" })).toBeVisible();
  for (const heading of ["Keys", "Deletes", "Verify", "Purge"]) {
    await expect(page.getByRole("heading", { name: heading })).toHaveCount(0);
  }
  await expect(page.getByRole("alert")).toHaveCount(0);
}

/** Who leaves a group keeps the key; an end that is over is told at its field. */
async function changeKey(page: Page, info: TestInfo, name: string): Promise<void> {
  const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: name });
  await page.getByRole("button", { name: `Edit ${name}` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Users and groups").fill("user:ada");
  await dialog.getByLabel("Ends at").fill("2001-01-01T00:00");
  await dialog.getByRole("button", { name: "Save key" }).click();
  await expect(dialog.getByLabel("Ends at")).toHaveAttribute("aria-invalid", "true");
  await look(page, info, "key-edit");
  await dialog.getByLabel("Ends at").fill("2999-12-31T23:59");
  // What nobody touched is not sent, so that it stays as it is by now.
  const sent = page.waitForRequest((request) => request.method() === "PATCH");
  await dialog.getByRole("button", { name: "Save key" }).click();
  expect((await sent).postData()).not.toContain('"name"');
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(row).not.toContainText("group:board");
  await expect(row).toContainText("user:ada");
  await expect(row).toContainText(/ends in [\d,]+ days/);
}

/** A new secret is shown once; the old one works for the time that was chosen. */
async function rotateKey(page: Page, info: TestInfo, name: string, old: string): Promise<void> {
  const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: name });
  await page.getByRole("button", { name: `Rotate ${name}` }).click();
  await page.getByRole("dialog").getByLabel("works for an hour").check();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate", exact: true }).click();
  const shown = page.getByRole("dialog", { name: "The new secret" });
  const secret = await shown.locator("code").innerText();
  await look(page, info, "key-rotated");
  await shown.getByRole("button", { name: "I have kept it" }).click();
  expect(secret).not.toBe(old);
  for (const key of [old, secret]) {
    const reply = await page.request.get("/cairn/v1/whoami", { headers: { authorization: `Bearer ${key}` } });
    expect(reply.status()).toBe(200);
  }
  await expect(row).toContainText("old secret ends");
}

async function revoke(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const row = page.getByRole("table", { name: "Keys" }).getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("revoked");
}
