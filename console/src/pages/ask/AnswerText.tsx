import * as Tooltip from "@radix-ui/react-tooltip";
import type { Annotation } from "../../api/types";
import type { Piece } from "../../lib/citations";
import { percent } from "../../lib/format";
import { place, type PassageTarget } from "../../lib/passage";

interface AnswerTextProps {
  pieces: Piece[];
  opened: PassageTarget | null;
  onOpen: (target: PassageTarget) => void;
  writing: boolean;
}

/** The answer's words in a reading column, with its citation numbers in place. */
export function AnswerText({ pieces, opened, onOpen, writing }: AnswerTextProps) {
  return (
    <div className={writing ? "answer-text writing" : "answer-text"} aria-busy={writing}>
      {pieces.map((piece, at) => {
        if (piece.kind === "citation") {
          return (
            <Citation
              key={at}
              number={piece.number}
              annotation={piece.annotation}
              current={sameTarget(opened, citationTarget(piece.annotation))}
              onOpen={onOpen}
            />
          );
        }
        if (piece.standing === "plain") return <span key={at}>{piece.text}</span>;
        return (
          <span key={at}>
            <span className="doubt">{piece.text}</span>
            <span className="doubt-tag">{piece.standing === "uncited" ? "no source" : "not supported"}</span>
          </span>
        );
      })}
    </div>
  );
}

export function citationTarget({ file_id, filename, cairn }: Annotation): PassageTarget {
  return {
    fileId: file_id,
    filename,
    quote: cairn?.quote ?? null,
    start: cairn?.char_start ?? null,
    end: cairn?.char_end ?? null,
    page: cairn?.page ?? null,
    heading: cairn?.heading ?? null,
    boxes: cairn?.boxes ?? [],
  };
}

export function sameTarget(a: PassageTarget | null, b: PassageTarget): boolean {
  return a !== null && a.fileId === b.fileId && a.start === b.start && a.end === b.end;
}

interface CitationProps {
  number: number;
  annotation: Annotation;
  current: boolean;
  onOpen: (target: PassageTarget) => void;
}

/** A citation number: hovering or focusing it shows the quoted words, clicking opens them. */
function Citation({ number, annotation, current, onOpen }: CitationProps) {
  const target = citationTarget(annotation);
  const where = place(target.page, target.heading);
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>
        <button
          type="button"
          className="citation"
          aria-label={`Source ${number}: ${annotation.filename}`}
          aria-pressed={current}
          onClick={() => onOpen(target)}
        >
          {number}
        </button>
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tooltip" sideOffset={6} collisionPadding={12}>
          {target.quote && <q>{target.quote}</q>}
          <span className="tooltip-source">
            {annotation.filename}
            {where && ` · ${where}`}
            {annotation.cairn && ` · support ${percent(annotation.cairn.support)}`}
            {annotation.cairn?.doubt && ` · but ${annotation.cairn.doubt}`}
          </span>
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
