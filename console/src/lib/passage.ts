import type { FileText, PageBox, Passage } from "../api/types";

/** What to open: a document, and the words in it to mark. */
export interface PassageTarget {
  fileId: string;
  filename: string;
  quote: string | null;
  /** Range in the document's text, in Unicode scalar values; null opens the beginning. */
  start: number | null;
  end: number | null;
  page: number | null;
  heading: string | null;
  /** Where its lines stand on their pages; none where that is not known. */
  boxes: PageBox[];
}

/** A stretch of shown text. `pageBefore` names a page that begins right before it. */
export interface Stretch {
  text: string;
  marked: boolean;
  heading: boolean;
  pageBefore: number | null;
}

export interface Located {
  stretches: Stretch[];
  /** Whether the words stand where they were cited; false when they were found elsewhere or not. */
  found: "at place" | "elsewhere" | "not found" | "nothing to find";
}

export function passageTarget(passage: Passage): PassageTarget {
  const place = { ...passage, ...passage.cairn };
  return {
    fileId: passage.file_id,
    filename: passage.filename,
    quote: passageText(passage) || null,
    start: place.char_start ?? null,
    end: place.char_end ?? null,
    page: place.page ?? null,
    heading: place.heading ?? null,
    boxes: [],
  };
}

/** A stretch of a document, known by its place alone: what an address can name. */
export function placeTarget(fileId: string, filename: string, start: number | null, end: number | null): PassageTarget {
  return { fileId, filename, quote: null, start, end, page: null, heading: null, boxes: [] };
}

export function passageText(passage: Passage): string {
  return passage.text ?? passage.content?.map((part) => part.text).join("\n") ?? "";
}

/** "p. 3 · Heading", or an empty string. */
export function place(page: number | null | undefined, heading: string | null | undefined): string {
  const parts = [];
  if (page !== null && page !== undefined) parts.push(`p. ${page}`);
  if (heading) parts.push(heading);
  return parts.join(" · ");
}

/** Lines by the page they stand on, in the order of the text. */
export function boxesByPage(boxes: PageBox[]): [number, PageBox[]][] {
  const pages = new Map<number, PageBox[]>();
  for (const box of boxes) pages.set(box.page, [...(pages.get(box.page) ?? []), box]);
  return [...pages];
}

/** Where a line stands: "12–88 % from the left, 34–35.5 % from the top". */
export function boxWords({ x0, y0, x1, y1 }: PageBox): string {
  const share = (fraction: number) => String(Number((fraction * 100).toFixed(1)));
  return `${share(x0)}–${share(x1)} % from the left, ${share(y0)}–${share(y1)} % from the top`;
}

/** The type of a file that is one picture which browsers show; null for all others. */
export function pictureType(filename: string): string | null {
  const ending = /\.(png|jpe?g|webp|bmp)$/i.exec(filename)?.[1]?.toLowerCase();
  if (ending === undefined) return null;
  return `image/${ending === "jpg" ? "jpeg" : ending}`;
}

/**
 * Marks a target's words in a window of its document. The words are looked for where they were
 * cited; if the document's text has moved since, anywhere in the window.
 */
export function locate(window: FileText, target: PassageTarget): Located {
  const chars = Array.from(window.text);
  const range = markedRange(chars, window.start, target);
  const cuts = new Set([0, chars.length, range.start, range.end]);
  const pages = new Map<number, number>();
  const headings = new Map<number, number>();
  for (const page of window.pages) {
    const at = page.start - window.start;
    if (at >= 0 && at < chars.length) {
      pages.set(at, page.page);
      cuts.add(at);
    }
  }
  for (const heading of window.headings) {
    const at = heading.start - window.start;
    const line = headingEnd(chars, at, heading.title);
    if (line !== null) {
      headings.set(at, line);
      cuts.add(at).add(line);
    }
  }
  const points = [...cuts].sort((a, b) => a - b);
  const stretches: Stretch[] = [];
  let headingUntil = 0;
  for (let i = 0; i + 1 < points.length; i += 1) {
    const [start, end] = [points[i] as number, points[i + 1] as number];
    headingUntil = Math.max(headingUntil, headings.get(start) ?? 0);
    stretches.push({
      text: chars.slice(start, end).join(""),
      marked: range.start <= start && end <= range.end,
      heading: start < headingUntil,
      pageBefore: pages.get(start) ?? null,
    });
  }
  return { stretches, found: range.found };
}

interface Range {
  start: number;
  end: number;
  found: Located["found"];
}

function markedRange(chars: string[], offset: number, target: PassageTarget): Range {
  const { quote, start, end } = target;
  if (start !== null && end !== null) {
    const from = Math.max(0, start - offset);
    const to = Math.min(chars.length, end - offset);
    const words = chars.slice(from, to).join("");
    if (from < to && (!quote || same(words, quote))) return { start: from, end: to, found: "at place" };
  }
  if (!quote) return { start: 0, end: 0, found: "nothing to find" };
  const elsewhere = search(chars, quote);
  return elsewhere ? { ...elsewhere, found: "elsewhere" } : { start: 0, end: 0, found: "not found" };
}

const squeeze = (text: string) => text.replace(/\s+/g, " ").trim();

/** Equal up to blanks, or one the abridged other: a passage may be quoted in part. */
function same(words: string, quote: string): boolean {
  const [a, b] = [squeeze(words), squeeze(quote)];
  return a === b || (b.length >= 8 && a.includes(b)) || (a.length >= 8 && b.includes(a));
}

/** The first place of `quote` in `chars`, taking any run of blanks for any other. */
function search(chars: string[], quote: string): { start: number; end: number } | null {
  const escaped = squeeze(quote).replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", "\\s+");
  const text = chars.join("");
  const hit = escaped ? new RegExp(escaped, "u").exec(text) : null;
  if (!hit) return null;
  const start = Array.from(text.slice(0, hit.index)).length;
  return { start, end: start + Array.from(hit[0]).length };
}

/** Where a heading's own words end, if they stand at `at` (after marks such as "## "). */
function headingEnd(chars: string[], at: number, title: string): number | null {
  if (at < 0 || at >= chars.length) return null;
  const room = Array.from(title).length + 8;
  const line = (chars.slice(at, at + room).join("").split("\n")[0] ?? "").trimEnd();
  return line.includes(title) ? at + Array.from(line).length : null;
}
