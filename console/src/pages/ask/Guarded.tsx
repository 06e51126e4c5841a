import type { AnswerDetail, Passage } from "../../api/types";
import { counted, sentence } from "../../lib/format";
import { place } from "../../lib/passage";
import { suspicionWords } from "../../lib/provenance";

interface GuardedProps {
  detail: AnswerDetail | undefined;
  /** What was found, for the names of the passages. */
  passages: Passage[];
}

/** What documents tried and what was done about it: links taken out, passages that give orders; and notes. */
export function Guarded({ detail, passages }: GuardedProps) {
  const links = detail?.stripped_links ?? [];
  const suspects = (detail?.passages ?? []).filter(({ suspicious }) => suspicious !== null);
  return (
    <>
      {suspects.length > 0 && (
        <section className="guarded" aria-label="Suspicious passages">
          <p className="refused-title">
            {counted(suspects.length, "passage")} {suspects.length === 1 ? "speaks" : "speak"} to the model
          </p>
          <ul>
            {suspects.map(({ chunk_id, file_id, suspicious }) => {
              const found = passages.find(({ cairn }) => cairn?.chunk_id === chunk_id);
              const where = place(found?.cairn?.page, found?.cairn?.heading);
              return (
                <li key={chunk_id}>
                  <strong>{found?.filename ?? file_id}</strong>
                  {where && ` · ${where}`}
                  {suspicious && `: ${suspicionWords(suspicious)}.`}
                </li>
              );
            })}
          </ul>
        </section>
      )}
      {links.length > 0 && (
        <section className="guarded" aria-label="Links taken out">
          <p className="refused-title">{counted(links.length, "link")} taken out of the answer</p>
          <p>They lead to hosts that are not allowed. Nothing here opens them.</p>
          <ul>
            {links.map(({ kind, url, text }, at) => (
              <li key={at}>
                {kind === "html" ? "HTML" : kind} to <code>{url || "nowhere"}</code>
                {text && <>, of which “{text}” remains</>}
              </li>
            ))}
          </ul>
        </section>
      )}
      {(detail?.notes ?? []).map((note) => (
        <p key={note} className="notice">
          {sentence(note)}
        </p>
      ))}
    </>
  );
}
