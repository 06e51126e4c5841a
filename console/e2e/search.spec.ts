import { expect, test, type Page, type TestInfo } from "@playwright/test";
import { ANSWER, KEY, look, makeStore, QUESTION, removeStore, signIn, uploadDocument } from "./steps";

const AUTHORIZED = { authorization: `Bearer ${KEY}` };

test.beforeEach(() => {
  test.skip(KEY === "", "CAIRN_URL and CAIRN_KEY name the running server to test");
});

test("search a store, see the steps of the scores, and narrow it", async ({ page }, info) => {
  const store = `console-e2e-search-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    await setAttributes(page, { year: 2020, kind: "log" });
    await page.getByRole("tab", { name: "Search" }).click();
    await search(page, info);
    await filter(page, info);
    await rank(page, info);
  } finally {
    await removeStore(page, store);
  }
});

test("see how an answer came about, and replay it before and after its document goes", async ({ page }, info) => {
  const store = `console-e2e-replay-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    const fileId = (await firstFile(page)).id;
    await page.getByRole("link", { name: "Ask this store" }).click();
    await page.getByRole("textbox", { name: "Question" }).fill(QUESTION);
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0, { timeout: 240_000 });
    await openProvenance(page, info);
    await replayAnswer(page, info, fileId);
  } finally {
    await removeStore(page, store);
  }
});

test("what was taken out of an answer, and what speaks to the model, is told", async ({ page }, info) => {
  await signIn(page);
  const store = `console-e2e-guarded-${info.project.name}-${Date.now()}`;
  try {
    await makeStore(page, store);
    const asked = JSON.stringify([guarded()]);
    await page.evaluate((value) => sessionStorage.setItem("cairn.asked", value), asked);
    await page.goto("/console/ask");
    const links = page.getByRole("region", { name: "Links taken out" });
    await expect(links).toContainText("1 link taken out of the answer");
    await expect(links).toContainText("https://example.org/collect?what=all");
    await expect(links.getByRole("link")).toHaveCount(0);
    const suspects = page.getByRole("region", { name: "Suspicious passages" });
    await expect(suspects).toContainText("skarvholm.md · p. 3: has hidden text; score 97 %; 2 sentences kept");
    await look(page, info, "guarded");
    await lookInTheDark(page, info, "guarded");
    // An answer that is not kept has no provenance: the server says so.
    await page.getByText("How this answer came about").click();
    await expect(page.getByRole("alert")).toContainText("resp_guarded");
  } finally {
    await removeStore(page, store);
  }
});

async function firstFile(page: Page): Promise<{ storeId: string; id: string }> {
  const storeId = new URL(page.url()).pathname.split("/").at(-1) ?? "";
  const reply = await page.request.get(`/v1/vector_stores/${storeId}/files`, { headers: AUTHORIZED });
  const [file] = ((await reply.json()) as { data: { id: string }[] }).data;
  return { storeId, id: file?.id ?? "" };
}

async function setAttributes(page: Page, attributes: object): Promise<void> {
  const { storeId, id } = await firstFile(page);
  const path = `/v1/vector_stores/${storeId}/files/${id}`;
  const reply = await page.request.post(path, { headers: AUTHORIZED, data: { attributes } });
  expect(reply.status(), await reply.text()).toBe(200);
}

/** A plain search: each hit has its steps, and the search its times. */
async function search(page: Page, info: TestInfo): Promise<void> {
  await page.getByRole("searchbox", { name: "Search this store" }).fill(QUESTION);
  await page.getByRole("button", { name: "Search", exact: true }).click();
  const first = page.getByRole("region", { name: "Hits" }).getByRole("listitem").first();
  for (const step of ["Meaning", "Words", "Fused", "Relative", "Strength", "Score"]) {
    await expect(first.getByRole("term").filter({ hasText: new RegExp(`^${step}$`) })).toBeVisible();
  }
  await expect(first).toContainText("60 % meaning, 40 % words");
  await expect(page.getByText(/^Searched in /)).toContainText("ranked by 60 % meaning and 40 % words");
  await expect(page.getByRole("term").filter({ hasText: "Embed the query" })).toBeVisible();
  await look(page, info, "search");
  await lookInTheDark(page, info, "search");
}

/** Conditions on attributes: one that nothing meets, then ones that the document meets. */
async function filter(page: Page, info: TestInfo): Promise<void> {
  const send = page.getByRole("button", { name: "Search", exact: true });
  const hits = page.getByRole("region", { name: "Hits" });
  await page.getByText("Filter and ranking").click();
  await page.getByRole("button", { name: "Add a condition" }).click();
  await expect(page.getByLabel("Attribute of condition 1")).toBeFocused();
  await page.keyboard.type("year");
  await page.getByLabel("Comparison of condition 1").selectOption("gte");
  await page.getByLabel("Kind of value of condition 1").selectOption("number");
  const value = page.getByLabel("Value of condition 1", { exact: true });
  await send.click();
  await expect(value).toBeFocused();
  await expect(value).toHaveAccessibleDescription("A number is needed.");
  await value.fill("2021");
  await send.click();
  await expect(page.getByText(/^Nothing that is asked for is near/)).toBeVisible();
  await value.fill("2020");
  await send.click();
  await expect(hits).toContainText("year: 2020");

  await page.getByRole("button", { name: "Add a condition" }).click();
  await page.getByLabel("Attribute of condition 2").fill("kind");
  await page.getByLabel("Comparison of condition 2").selectOption("in");
  await page.getByLabel("Value of condition 2", { exact: true }).fill("memo\nletter");
  await send.click();
  await expect(page.getByText(/^Nothing that is asked for is near/)).toBeVisible();
  await page.getByLabel("How the conditions are joined").selectOption("or");
  await send.click();
  await expect(hits).toContainText("kind: log");
  await expect(page.getByText('{"type":"or","filters":')).toBeVisible();
  await look(page, info, "search-filter");

  // The address keeps it all.
  await page.reload();
  await expect(hits).toContainText("kind: log");
  await expect(page.getByText("any of 2 conditions")).toBeVisible();
  await page.getByText("Filter and ranking").click();
  await page.getByRole("button", { name: "Remove condition 2" }).click();
  await page.getByRole("button", { name: "Remove condition 1" }).click();
  await expect(page.getByRole("button", { name: "Add a condition" })).toBeFocused();
}

/** A reranker that is not there is refused in the server's words; one that is there is a step more. */
async function rank(page: Page, info: TestInfo): Promise<void> {
  const send = page.getByRole("button", { name: "Search", exact: true });
  await page.getByLabel("Reranker", { exact: true }).selectOption("cross-encoder");
  await send.click();
  await expect(page.getByRole("alert")).toContainText("There is no cross-encoder here");

  await page.getByLabel("Reranker", { exact: true }).selectOption("late-interaction");
  const limit = page.getByLabel("Number of results");
  await limit.fill("51");
  await send.click();
  await expect(limit).toBeFocused();
  await expect(limit).toHaveAccessibleDescription(/from 1 to 50/);
  await limit.fill("2");
  await page.getByLabel("Diversity").fill("0.3");
  await page.getByLabel("Share of meaning").fill("0.5");
  await page.getByLabel("Widen each hit to its section").check();
  await send.click();
  const first = page.getByRole("region", { name: "Hits" }).getByRole("listitem").first();
  await expect(first.getByRole("term").filter({ hasText: "Reranked" })).toBeVisible({ timeout: 60_000 });
  await expect(first).toContainText("50 % meaning, 50 % words");
  await expect(first).toContainText(/section with \d+ hits?/);
  await expect(page.getByRole("alert")).toHaveCount(0);
  await look(page, info, "search-ranked");
}

/** The passages that were read with their scores, and what the answer was made of and by. */
async function openProvenance(page: Page, info: TestInfo): Promise<void> {
  await page.getByText(/^\d+ passages? read/).click();
  await expect(page.getByText(/used as no\. 1/)).toBeVisible();
  await expect(page.getByRole("term").filter({ hasText: /^Meaning$/ }).first()).toBeVisible();
  await page.getByText("How this answer came about").click();
  for (const part of ["Decision", "Search", "Models", "Replay"]) {
    await expect(page.getByRole("region", { name: part, exact: true })).toBeVisible();
  }
  await expect(page.getByRole("region", { name: "Decision" })).toContainText("Confidence");
  await expect(page.getByRole("region", { name: "Models" })).toContainText("Embedded");
  await expect(page.getByRole("region", { name: "Search", exact: true })).toContainText("Embed the query");
  const figures = page.getByRole("region", { name: "Passages in figures" }).getByRole("table");
  await expect(figures).toContainText("skarvholm.md");
  await expect(figures).toContainText("[1]");
  await page.getByRole("region", { name: "Models" }).scrollIntoViewIfNeeded();
  await look(page, info, "provenance");
}

async function replayAnswer(page: Page, info: TestInfo, fileId: string): Promise<void> {
  const part = page.getByRole("region", { name: "Replay", exact: true });
  const replay = part.getByRole("button", { name: "Replay", exact: true });
  await replay.click();
  await expect(part.getByRole("status")).toHaveText(/^Nothing has changed: \d+ passages? the same\.$/);
  await part.getByRole("button", { name: /^skarvholm\.md, characters/ }).first().click();
  await expect(page.locator("mark").first()).toBeInViewport();
  await page.keyboard.press("Escape");

  const gone = await page.request.delete(`/v1/files/${fileId}`, { headers: AUTHORIZED });
  expect(gone.status(), await gone.text()).toBe(200);
  await part.getByLabel("Write the answer again too").check();
  await replay.click();
  await expect(part.getByRole("status")).toHaveText(/^Something has changed: \d+ passages? gone\.$/);
  await expect(part.getByRole("list", { name: "Passages then and now" })).toContainText("the file was deleted");
  await expect(part.getByText("It would not be answered now.")).toBeVisible();
  await part.scrollIntoViewIfNeeded();
  await look(page, info, "replay");
  await lookInTheDark(page, info, "replay");
}

async function lookInTheDark(page: Page, info: TestInfo, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: "dark" });
  await look(page, info, `${name}-dark`);
  await page.emulateMedia({ colorScheme: "light" });
}

/** A finished exchange as a tab keeps it, from a document that speaks to the model. */
function guarded(): object {
  const milliseconds = { search: 5, generate: 900, total: 905 };
  const suspicious = { score: 0.97, share: 0.2, signals: ["hidden_text"], removed: 2 };
  return {
    id: "guarded",
    question: QUESTION,
    store: { id: "vs_none", name: "Skarvholm" },
    follows: null,
    askedAt: Date.now(),
    state: "done",
    steps: {},
    queries: [QUESTION],
    passages: [{ file_id: "file-1", filename: "skarvholm.md", text: ANSWER, cairn: { chunk_id: "chunk", page: 3 } }],
    text: ANSWER,
    annotations: [],
    response: {
      id: "resp_guarded",
      object: "response",
      created_at: 1,
      model: "cairn",
      status: "completed",
      output: [],
      cairn: {
        ...{ refused: false, reason: null, mode: "generative", milliseconds, model_sha256: null, index_position: 1 },
        passages: [{ chunk_id: "chunk", file_id: "file-1", suspicious }],
        stripped_links: [{ kind: "link", url: "https://example.org/collect?what=all", text: "the log" }],
      },
    },
    problem: null,
  };
}
