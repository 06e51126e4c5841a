import type { Annotation, CharRange } from "../api/types";

/** One passage that the answer cites, numbered in order of first appearance. */
export interface Source {
  number: number;
  annotations: Annotation[];
}

/** How well a stretch of the answer stands on the documents. */
export type Standing = "plain" | "unsupported" | "uncited";

export type Piece =
  | { kind: "text"; text: string; standing: Standing }
  | { kind: "citation"; number: number; annotation: Annotation };

interface Span {
  start: number;
  end: number;
  standing: Standing;
}

/** The numbered passages of an answer: one number per passage, however often it is cited. */
export function sources(annotations: Annotation[]): Source[] {
  const byPassage = new Map<string, Source>();
  for (const annotation of [...annotations].sort((a, b) => a.index - b.index)) {
    const key = passageKey(annotation);
    const known = byPassage.get(key);
    if (known) known.annotations.push(annotation);
    else byPassage.set(key, { number: byPassage.size + 1, annotations: [annotation] });
  }
  return [...byPassage.values()];
}

function passageKey(annotation: Annotation): string {
  const detail = annotation.cairn;
  if (!detail) return annotation.file_id;
  return detail.chunk_id || `${annotation.file_id}:${detail.char_start}-${detail.char_end}`;
}

/**
 * Cuts an answer into text and citation numbers in reading order, and marks what the server says
 * is `unsupported`. Positions count Unicode scalar values, as the server's do.
 */
export function layout(text: string, annotations: Annotation[], unsupported: CharRange[]): Piece[] {
  const chars = Array.from(text);
  const marks = sources(annotations)
    .flatMap((source) =>
      source.annotations.map((annotation) => ({
        at: afterWord(chars, annotation.index),
        number: source.number,
        annotation,
      })),
    )
    .sort((a, b) => a.at - b.at || a.number - b.number);
  const spans = standings(chars, annotations, unsupported);
  const cuts = new Set([0, chars.length, ...marks.map((mark) => mark.at)]);
  for (const span of spans) cuts.add(span.start).add(span.end);
  const points = [...cuts].sort((a, b) => a - b);

  const pieces: Piece[] = [];
  const place = (at: number) => {
    const seen = new Set<number>();
    for (const mark of marks.filter((candidate) => candidate.at === at)) {
      if (seen.has(mark.number)) continue;
      seen.add(mark.number);
      pieces.push({ kind: "citation", number: mark.number, annotation: mark.annotation });
    }
  };
  points.forEach((start, position) => {
    place(start);
    const end = points[position + 1];
    if (end === undefined) return;
    const span = spans.find((candidate) => candidate.start <= start && end <= candidate.end);
    pieces.push({
      kind: "text",
      text: chars.slice(start, end).join(""),
      standing: span?.standing ?? "plain",
    });
  });
  return pieces;
}

const isWord = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}]/u.test(char);

/** A citation never splits a word: it moves to the word's end. */
function afterWord(chars: string[], index: number): number {
  let at = Math.max(0, Math.min(chars.length, index));
  while (at > 0 && isWord(chars[at - 1]) && isWord(chars[at])) at += 1;
  return at;
}

/** The stretches that no passage supports, trimmed of surrounding blanks. */
function standings(chars: string[], annotations: Annotation[], unsupported: CharRange[]): Span[] {
  const at: Standing[] = chars.map(() => "plain");
  const fill = (standing: Standing, start: number, end: number) => at.fill(standing, Math.max(0, start), end);
  const details = annotations.flatMap(({ cairn }) => (cairn ? [cairn] : []));
  for (const { start, end } of unsupported) fill("uncited", start, end);
  for (const detail of details.filter((one) => !one.supported)) {
    fill("unsupported", detail.sentence_start, detail.sentence_end);
  }
  // Where several passages are cited for one sentence, one that supports it is enough.
  for (const detail of details.filter((one) => one.supported)) {
    fill("plain", detail.sentence_start, detail.sentence_end);
  }

  const spans: Span[] = [];
  for (let start = 0; start < chars.length; ) {
    let end = start + 1;
    while (end < chars.length && at[end] === at[start]) end += 1;
    const span = trimmed(chars, start, end, at[start] ?? "plain");
    if (span.standing !== "plain" && span.start < span.end) spans.push(span);
    start = end;
  }
  return spans;
}

function trimmed(chars: string[], from: number, to: number, standing: Standing): Span {
  let [start, end] = [from, to];
  while (start < end && /\s/.test(chars[start] ?? "")) start += 1;
  while (end > start && /\s/.test(chars[end - 1] ?? "")) end -= 1;
  return { start, end, standing };
}
