import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { downloadOriginal } from "../api/downloads";
import { fileText } from "../api/queries";
import { count } from "../lib/format";
import { locate, place, type Located, type PassageTarget } from "../lib/passage";
import { Loading } from "./parts";
import { Problem } from "./Problem";
import { QuotePlace } from "./QuotePlace";

/** How much text is read around the words, and by each "more", in characters. */
const AROUND = 4000;
/** How much of a document is read when no words are asked for. */
const OPENING = 12_000;

interface PassageViewProps {
  target: PassageTarget;
  /** The store it was found in, for the link to its place there. */
  storeId?: string;
}

/** A document's extracted text, opened at the quoted words, which are marked. */
export function PassageView({ target, storeId }: PassageViewProps) {
  const [more, setMore] = useState({ before: 0, after: 0 });
  const from = Math.max(0, (target.start ?? 0) - AROUND * (1 + more.before));
  const to = (target.end ?? OPENING - AROUND) + AROUND * (1 + more.after);
  const query = useQuery({ ...fileText(target.fileId, from, to), placeholderData: keepPreviousData });
  const located = useMemo(() => (query.data ? locate(query.data, target) : null), [query.data, target]);

  const frame = useRef<HTMLDivElement>(null);
  const mark = useRef<HTMLElement>(null);
  const ready = located !== null;
  useEffect(() => {
    if (ready && frame.current && mark.current) centre(frame.current, mark.current);
  }, [ready, target]);

  if (query.error) {
    return (
      <Problem what={`“${target.filename}” could not be opened.`} error={query.error} retry={() => void query.refetch()} />
    );
  }
  if (!query.data || !located) return <Loading what={`“${target.filename}”`} />;
  const { start, end, total } = query.data;
  return (
    <div className="passage">
      <PassageFacts target={target} storeId={storeId} found={located.found} />
      <div ref={frame} className="passage-text" tabIndex={0} role="region" aria-label={`Text of ${target.filename}`}>
        {start > 0 && (
          <button type="button" className="link-button" onClick={() => setMore({ ...more, before: more.before + 1 })}>
            Show what comes before ({count(start)} characters)
          </button>
        )}
        <Words located={located} mark={mark} />
        {end < total && (
          <button type="button" className="link-button" onClick={() => setMore({ ...more, after: more.after + 1 })}>
            Show what follows ({count(total - end)} characters)
          </button>
        )}
      </div>
    </div>
  );
}

/** Scrolls the frame alone: the answer beside it must not move under the reader's eyes. */
function centre(frame: HTMLElement, mark: HTMLElement): void {
  const [outer, inner] = [frame.getBoundingClientRect(), mark.getBoundingClientRect()];
  const room = Math.max(24, (outer.height - inner.height) / 2);
  frame.scrollTop += inner.top - outer.top - room;
}

const NOTES: Record<Located["found"], string | null> = {
  "at place": null,
  "nothing to find": null,
  elsewhere: "The words stand elsewhere in the text than they were cited; they are marked where they are now.",
  "not found": "The cited words are no longer in this part of the text: the document may have changed since.",
};

function PassageFacts({ target, storeId, found }: PassageViewProps & { found: Located["found"] }) {
  const where = place(target.page, target.heading);
  const [error, setError] = useState<Error | null>(null);
  const save = () => void downloadOriginal(target.fileId, target.filename).catch(setError);
  return (
    <div className="passage-facts">
      <span className="muted">{where}</span>
      <span className="row">
        {storeId !== undefined && target.start !== null && target.end !== null && (
          <Link
            to="/documents/$storeId"
            params={{ storeId }}
            search={{ file: target.fileId, from: target.start, to: target.end }}
          >
            Link to this place
          </Link>
        )}
        <button type="button" className="link-button" onClick={save}>
          Download original
        </button>
      </span>
      <QuotePlace target={target} />
      {NOTES[found] && <p className="notice">{NOTES[found]}</p>}
      {error && <Problem what="The original could not be downloaded." error={error} />}
    </div>
  );
}

function Words({ located, mark }: { located: Located; mark: React.RefObject<HTMLElement | null> }) {
  const first = located.stretches.findIndex((stretch) => stretch.marked);
  return (
    <div className="words">
      {located.stretches.map((stretch, at) => (
        <span key={at}>
          {stretch.pageBefore !== null && <span className="page-break">Page {stretch.pageBefore}</span>}
          {stretch.marked ? (
            <mark ref={at === first ? mark : undefined}>{stretch.text}</mark>
          ) : (
            <span className={stretch.heading ? "words-heading" : undefined}>{stretch.text}</span>
          )}
        </span>
      ))}
    </div>
  );
}
