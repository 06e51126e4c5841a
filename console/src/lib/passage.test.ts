import { expect, test } from "vitest";
import type { FileText } from "../api/types";
import { boxesByPage, boxWords, locate, passageTarget, pictureType, place, type PassageTarget } from "./passage";

const body = "# Über\nStones 🪨 mark the way.\nThey are stacked by hand.";

function opened(text: string, start = 0): FileText {
  return {
    file_id: "file_1",
    filename: "a.md",
    text,
    start,
    end: start + Array.from(text).length,
    total: 10_000,
    pages: [],
    headings: [],
  };
}

function target(quote: string, start: number | null): PassageTarget {
  const end = start === null ? null : start + Array.from(quote).length;
  return { fileId: "file_1", filename: "a.md", quote, start, end, page: null, heading: null, boxes: [] };
}

const marked = (located: ReturnType<typeof locate>) =>
  located.stretches.filter((stretch) => stretch.marked).map((stretch) => stretch.text).join("");

test("the quoted words are marked where they were cited", () => {
  const at = Array.from(body.slice(0, body.indexOf("They"))).length;
  const located = locate(opened(body, 500), target("They are stacked by hand.", 500 + at));
  expect(located.found).toBe("at place");
  expect(marked(located)).toBe("They are stacked by hand.");
  expect(located.stretches.map((stretch) => stretch.text).join("")).toBe(body);
});

test("words that moved are found again, whatever the line breaks", () => {
  const located = locate(opened(body), target("mark the way. They are stacked", 3));
  expect(located.found).toBe("elsewhere");
  expect(marked(located)).toBe("mark the way.\nThey are stacked");
});

test("words that are gone are said to be gone", () => {
  const located = locate(opened(body), target("nothing of the kind (at all)", 3));
  expect(located.found).toBe("not found");
  expect(marked(located)).toBe("");
});

test("pages and headings are shown at their places", () => {
  const window: FileText = {
    ...opened(body),
    pages: [{ page: 1, start: 0, end: 7 }, { page: 2, start: 7, end: 60 }],
    headings: [{ level: 1, title: "Über", start: 0 }],
  };
  const { stretches } = locate(window, target("mark the way.", null));
  expect(stretches.filter((stretch) => stretch.heading).map((stretch) => stretch.text)).toEqual(["# Über"]);
  expect(stretches.filter((stretch) => stretch.pageBefore !== null).map((s) => [s.pageBefore, s.text[0]])).toEqual([
    [1, "#"],
    [2, "S"],
  ]);
});

test("a passage opens where the search says it stands", () => {
  const found = passageTarget({
    file_id: "f",
    filename: "f.pdf",
    content: [{ type: "text", text: "words" }],
    cairn: { page: 4, heading: "Terms", char_start: 10, char_end: 15 },
  });
  expect(found).toMatchObject({ start: 10, end: 15, quote: "words", page: 4 });
  expect(place(4, "Terms")).toBe("p. 4 · Terms");
  expect(place(null, null)).toBe("");
});

test("lines on a page are told by page and in shares of it", () => {
  const box = (page: number, y0: number) => ({ page, x0: 0.1176, y0, x1: 0.8824, y1: y0 + 0.0152 });
  const boxes = [box(3, 0.3402), box(3, 0.36), box(4, 0.1)];
  expect(boxesByPage(boxes)).toEqual([
    [3, boxes.slice(0, 2)],
    [4, boxes.slice(2)],
  ]);
  expect(boxWords(box(3, 0.3402))).toBe("11.8–88.2 % from the left, 34–35.5 % from the top");
  expect(boxesByPage([])).toEqual([]);
});

test("only files that are one picture are shown as one", () => {
  expect(pictureType("Scan 1.JPG")).toBe("image/jpeg");
  expect(pictureType("a.png")).toBe("image/png");
  expect(pictureType("a.png.pdf")).toBeNull();
  expect(pictureType("a.tiff")).toBeNull();
});
