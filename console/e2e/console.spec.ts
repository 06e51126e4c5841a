import { expect, test, type Page, type TestInfo } from "@playwright/test";
import { KEY, look, makeStore, QUESTION, removeStore, signIn, TOLD, uploadDocument } from "./steps";

test.beforeEach(() => {
  test.skip(KEY === "", "CAIRN_URL and CAIRN_KEY name the running server to test");
});

test("a wrong key is explained", async ({ page }, info) => {
  await page.goto("/console/");
  await page.getByLabel("Key").fill("not-a-key-of-this-server");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("does not know this key");
  await look(page, info, "sign-in");
});

test("upload, set the ranking, ask, and see the quoted words marked", async ({ page }, info) => {
  const store = `console-e2e-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    await setRanking(page, info);
    await ask(page);
    await openCitation(page, info);
  } finally {
    await removeStore(page, store);
  }
});

test("every page stands and is accessible", async ({ page }, info) => {
  await signIn(page);
  for (const name of ["Documents", "Tables", "Models", "Operate"]) {
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
    await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
    await expect(page.getByText(/^Reading /)).toHaveCount(0);
    await expect(page.getByRole("alert")).toHaveCount(0);
    await look(page, info, name.toLowerCase());
  }
  await page.goto("/console/documents");
  for (const name of ["Sources", "Evaluations"]) {
    await page.getByRole("tab", { name }).click();
    await expect(page.getByText(/^Reading /)).toHaveCount(0);
    await expect(page.getByRole("alert")).toHaveCount(0);
    await look(page, info, name.toLowerCase());
  }
});

test("the palette goes to a page by keyboard, and addresses are deep links", async ({ page }) => {
  await signIn(page);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("operate");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Operate" })).toBeVisible();
  await expect(page).toHaveURL(/\/console\/operate$/);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Operate" })).toBeVisible();
});

/** Sets the store's ranking by hand, then gives it the default again. */
async function setRanking(page: Page, info: TestInfo): Promise<void> {
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByLabel("Share of meaning").fill("0.5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("set by hand")).toBeVisible();
  await expect(page.getByRole("button", { name: "Re-index", exact: true })).toBeVisible();
  await look(page, info, "settings");
  await page.getByRole("button", { name: "Reset the ranking" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reset", exact: true }).click();
  await expect(page.getByText("set by hand")).toHaveCount(0);
}

async function ask(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Ask this store" }).click();
  await page.getByRole("textbox", { name: "Question" }).fill(QUESTION);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0, { timeout: 240_000 });
}

async function openCitation(page: Page, info: TestInfo): Promise<void> {
  const citations = page.getByRole("button", { name: /^Source \d+: skarvholm\.md/ });
  await expect(citations.first()).toBeVisible();
  await look(page, info, "answer");
  const opened: string[] = [];
  for (const citation of await citations.all()) {
    await citation.click();
    await expect(page.locator("mark").first()).toBeInViewport();
    const words = (await page.locator("mark").allTextContents()).join("");
    opened.push(words);
    if (words.includes(TOLD)) {
      await look(page, info, "passage");
      return;
    }
    await page.keyboard.press("Escape");
    await expect(page.locator("mark")).toHaveCount(0);
  }
  expect(opened, `a citation opens “${TOLD}”`).toContain(TOLD);
}
