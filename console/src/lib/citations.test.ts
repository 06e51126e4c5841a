import { expect, test } from "vitest";
import type { Annotation } from "../api/types";
import { layout, sources, type Piece } from "./citations";

function cite(
  text: string,
  sentence: string,
  chunk: string,
  { supported = true, index }: { supported?: boolean; index?: number } = {},
): Annotation {
  const start = Array.from(text.slice(0, text.indexOf(sentence))).length;
  const end = start + Array.from(sentence).length;
  return {
    type: "file_citation",
    index: index ?? end,
    file_id: "file_1",
    filename: "a.md",
    cairn: {
      quote: sentence,
      page: null,
      heading: null,
      char_start: 0,
      char_end: 1,
      chunk_id: chunk,
      sentence_start: start,
      sentence_end: end,
      support: supported ? 0.9 : 0.1,
      supported,
    },
  };
}

const shown = (pieces: Piece[]) =>
  pieces
    .map((piece) => {
      if (piece.kind === "citation") return `[${piece.number}]`;
      return piece.standing === "plain" ? piece.text : `<${piece.standing}:${piece.text}>`;
    })
    .join("");

test("numbers stand where the annotations say, one number per passage", () => {
  const text = "Stones mark the way. They are stacked. Old ones last.";
  const annotations = [
    cite(text, "Old ones last.", "c1"),
    cite(text, "Stones mark the way.", "c1"),
    cite(text, "They are stacked.", "c2"),
  ];
  expect(shown(layout(text, annotations, []))).toBe(
    "Stones mark the way.[1] They are stacked.[2] Old ones last.[1]",
  );
  expect(sources(annotations).map((source) => source.annotations.length)).toEqual([2, 1]);
});

test("positions count scalar values, not UTF-16 units", () => {
  const text = "🪨🪨 Steine. Über allem 🏔️.";
  const annotations = [cite(text, "🪨🪨 Steine.", "c1"), cite(text, "Über allem 🏔️.", "c2")];
  expect(shown(layout(text, annotations, []))).toBe("🪨🪨 Steine.[1] Über allem 🏔️.[2]");
});

test("an unsupported sentence is marked, unless another passage supports it", () => {
  const text = "First claim. Second claim.";
  const doubted = cite(text, "Second claim.", "c2", { supported: false });
  expect(shown(layout(text, [cite(text, "First claim.", "c1"), doubted], []))).toBe(
    "First claim.[1] <unsupported:Second claim.>[2]",
  );
  const rescued = cite(text, "Second claim.", "c3");
  expect(shown(layout(text, [cite(text, "First claim.", "c1"), doubted, rescued], []))).toBe(
    "First claim.[1] Second claim.[2][3]",
  );
});

test("what the server calls unsupported is marked, without its blanks", () => {
  const text = "Cited here.\n\nA stray thought. ";
  const annotations = [cite(text, "Cited here.", "c1")];
  const stray = [{ start: 11, end: Array.from(text).length }];
  expect(shown(layout(text, annotations, stray))).toBe("Cited here.[1]\n\n<uncited:A stray thought.> ");
  expect(shown(layout(text, annotations, []))).toBe("Cited here.[1]\n\nA stray thought. ");
  expect(shown(layout(text, annotations, [{ start: 11, end: 13 }]))).toBe("Cited here.[1]\n\nA stray thought. ");
});

test("annotations of a server without support scores judge nothing", () => {
  const annotations: Annotation[] = [{ type: "file_citation", index: 4, file_id: "f", filename: "f.md" }];
  expect(shown(layout("Some words.", annotations, []))).toBe("Some[1] words.");
});

test("positions outside the text or inside a word are put right", () => {
  const text = "Short words.";
  expect(shown(layout(text, [cite(text, text, "c1", { index: 999 })], []))).toBe("Short words.[1]");
  expect(shown(layout(text, [cite(text, text, "c1", { index: 2 })], []))).toBe("Short[1] words.");
});

test("the pieces always spell the whole answer", () => {
  const text = "One. Two? Three! 四。";
  const annotations = [cite(text, "Two?", "c1"), cite(text, "四。", "c2", { supported: false })];
  const spelled = layout(text, annotations, [])
    .map((piece) => (piece.kind === "text" ? piece.text : ""))
    .join("");
  expect(spelled).toBe(text);
});
