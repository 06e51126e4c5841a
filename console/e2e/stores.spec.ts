import { expect, test, type Page, type TestInfo } from "@playwright/test";
import { ANSWER, DOCUMENT, KEY, look, makeStore, QUESTION, removeStore, signIn, uploadDocument } from "./steps";

test.beforeEach(() => {
  test.skip(KEY === "", "CAIRN_URL and CAIRN_KEY name the running server to test");
});

test("re-index a store with its files read again", async ({ page }, info) => {
  const store = `console-e2e-reread-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    await reindex(page, info);
  } finally {
    await removeStore(page, store);
  }
});

test("set the confidence needed, and see what an answer was not told", async ({ page }, info) => {
  const store = `console-e2e-sure-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    await page.getByRole("link", { name: "Ask this store" }).click();
    await setThreshold(page, info);
    await openPlace(page, info);
  } finally {
    await removeStore(page, store);
  }
});

test("evaluate a store, and see its configurations side by side", async ({ page }, info) => {
  const store = `console-e2e-quality-${info.project.name}-${Date.now()}`;
  await signIn(page);
  try {
    await makeStore(page, store);
    await uploadDocument(page, info);
    await evaluate(page, info, store);
  } finally {
    await removeStore(page, store);
  }
});

/** Has all files read again; the report says how many texts are others now. */
async function reindex(page: Page, info: TestInfo): Promise<void> {
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByLabel("Read the files again with the current reader").check();
  await page.getByRole("button", { name: "Re-index", exact: true }).click();
  await expect(page.getByText(/Read again: 0 texts changed/)).toBeVisible({ timeout: 240_000 });
  await look(page, info, "reread");
}

/** Has the store be sure of everything, so that a question about something else is not answered. */
async function setThreshold(page: Page, info: TestInfo): Promise<void> {
  await page.getByText(/^Answers from a confidence of/).click();
  await page.getByLabel("Confidence needed to answer").fill("1");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await expect(page.getByText("Set: it holds from the next question on.")).toBeVisible();
  await page.getByRole("textbox", { name: "Question" }).fill("What does a tonne of copper cost in Chile?");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(page.getByText(/; 100\.0 % is needed to answer/)).toBeVisible({ timeout: 240_000 });
  await look(page, info, "refused");
}

/** A remembered answer that names a place on a page, after a conversation that was too long to be read whole. */
async function openPlace(page: Page, info: TestInfo): Promise<void> {
  const storeId = new URL(page.url()).searchParams.get("store") ?? "";
  const files = await page.request.get(`/v1/vector_stores/${storeId}/files`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  const [file] = ((await files.json()) as { data: { id: string }[] }).data;
  const asked = JSON.stringify([remembered(storeId, file?.id ?? "")]);
  await page.evaluate((value) => sessionStorage.setItem("cairn.asked", value), asked);
  await page.goto("/console/ask");
  await expect(page.getByText(/no room for the first 3 turns/)).toBeVisible();
  await page.getByRole("button", { name: "Source 1: skarvholm.md" }).click();
  await expect(page.locator("mark").first()).toBeInViewport();
  await page.getByText("Place on the page").click();
  await expect(page.getByText("11.8–88.2 % from the left, 34–35.5 % from the top")).toBeVisible();
  await look(page, info, "place");
  await page.getByRole("link", { name: "Link to this place" }).click();
  await expect(page).toHaveURL(new RegExp(`/console/documents/${storeId}\\?.*from=`));
  await page.reload();
  await expect(page.locator("mark").first()).toBeInViewport();
}

/** A finished exchange as a tab keeps it. */
function remembered(storeId: string, fileId: string): object {
  const start = DOCUMENT.indexOf(ANSWER);
  const cairn = {
    quote: ANSWER,
    page: 3,
    heading: null,
    char_start: start,
    char_end: start + ANSWER.length,
    boxes: [{ page: 3, x0: 0.1176, y0: 0.3402, x1: 0.8824, y1: 0.3554 }],
    chunk_id: "chunk",
    sentence_start: 0,
    sentence_end: ANSWER.length,
    support: 1,
    supported: true,
  };
  const milliseconds = { search: 5, generate: 900, total: 905 };
  const detail = { refused: false, reason: null, mode: "generative", milliseconds, confidence: 0.8, threshold: 0.33 };
  return {
    id: "remembered",
    question: QUESTION,
    store: { id: storeId, name: "Skarvholm" },
    follows: "Who keeps the lighthouse?",
    askedAt: Date.now(),
    state: "done",
    steps: {},
    queries: [],
    passages: [],
    text: ANSWER,
    annotations: [{ type: "file_citation", index: ANSWER.length, file_id: fileId, filename: "skarvholm.md", cairn }],
    response: {
      id: "resp_remembered",
      object: "response",
      created_at: 1,
      model: "cairn",
      status: "completed",
      output: [],
      cairn: { ...detail, model_sha256: null, index_position: 1, turns_left_out: 3 },
    },
    problem: null,
  };
}

/** Measures a store by a question of one's own, beside two other rankings. */
async function evaluate(page: Page, info: TestInfo, store: string): Promise<void> {
  const made = await page.request.post("/cairn/v1/question_sets", {
    headers: { authorization: `Bearer ${KEY}` },
    data: { store, name: store, questions: [{ question: QUESTION, relevant: ["skarvholm.md"] }] },
  });
  expect(made.status(), await made.text()).toBe(200);
  await page.goto("/console/documents?tab=evaluations");
  await page.getByLabel("Put meaning alone and words alone beside it").check();
  await page.getByRole("button", { name: "Evaluate", exact: true }).click();
  const figures = page.getByRole("region", { name: "Figures by configuration" });
  await expect(figures).toContainText("words alone", { timeout: 240_000 });
  await expect(figures).toContainText("nDCG@10");
  await expect(page.getByRole("table", { name: "Results" })).toContainText(QUESTION);
  await look(page, info, "evaluation");
}
