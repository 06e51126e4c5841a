import type { SearchHit, SearchPage } from "../../api/types";
import { Empty } from "../../components/parts";
import { ScoreSteps, TookSteps } from "../../components/ScoreSteps";
import { shareWords } from "../../lib/explain";
import { cell, counted, duration, figure } from "../../lib/format";
import { passageTarget, passageText, place, type PassageTarget } from "../../lib/passage";
import { LIMIT, type SearchOptions } from "../../lib/search";

interface SearchHitsProps {
  page: SearchPage;
  query: string;
  asked: SearchOptions;
  onOpen: (target: PassageTarget) => void;
}

/** What a search found, with the time of its steps and what each made of every hit. */
export function SearchHits({ page: { data: hits, search_query: wordings, cairn }, query, asked, onOpen }: SearchHitsProps) {
  const ranking = hits[0]?.cairn?.explain?.ranking;
  const full = hits.length === Number(asked.numbers.limit || LIMIT);
  const narrowed = asked.conditions.length > 0 || asked.numbers.threshold !== "";
  return (
    <>
      {cairn && (
        <details className="found" open>
          <summary>
            Searched in {duration(cairn.took.total_ms)}
            {ranking && <span className="muted"> · ranked by {shareWords(ranking)}</span>}
          </summary>
          <TookSteps took={cairn.took} />
        </details>
      )}
      {hits.length === 0 ? (
        <Empty title={narrowed ? `Nothing that is asked for is near “${query}”.` : `Nothing in this store is near “${query}”.`} />
      ) : (
        <section className="sources" aria-label="Hits">
          <p className="muted" role="status">
            {counted(hits.length, "passage")}
            {full && ", the best of those found"}
            {wordings.length > 1 && ` for “${wordings.join("”, “")}”`}
          </p>
          <ol>
            {hits.map((hit, at) => (
              <Hit key={hit.cairn?.chunk_id ?? at} hit={hit} several={wordings.length > 1} onOpen={onOpen} />
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

/** One hit; `several` says whether it matters by which wording it was found. */
function Hit({ hit, several, onOpen }: { hit: SearchHit; several: boolean; onOpen: SearchHitsProps["onOpen"] }) {
  const target = passageTarget(hit);
  const { explain, hits: within = [] } = hit.cairn ?? {};
  const notes = [
    place(target.page, target.heading),
    within.length > 0 ? `section with ${counted(within.length, "hit")}` : "",
    several && explain ? `by wording ${explain.query + 1}` : "",
  ].filter((note) => note !== "");
  const attributes = Object.entries(hit.attributes ?? {});
  return (
    <li className="hit">
      <button type="button" className="source" onClick={() => onOpen(target)}>
        <span className="source-body">
          <span className="source-name">
            {hit.filename}
            <span className="muted">{notes.join(" · ")}</span>
          </span>
          <span className="source-text">{passageText(hit)}</span>
        </span>
        <strong className="numeric" title="Score of the ranking">
          {figure(hit.score)}
        </strong>
      </button>
      <ScoreSteps passage={hit} />
      {attributes.length > 0 && (
        <ul className="chips" aria-label="Attributes">
          {attributes.map(([key, value]) => (
            <li key={key}>
              {key}: {cell(value)}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}
