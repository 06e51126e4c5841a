import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { request, segment } from "../../api/client";
import type { SearchHit, SearchPage } from "../../api/types";
import { Empty, Loading } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { counted, figure } from "../../lib/format";
import { passageTarget, passageText, place, type PassageTarget } from "../../lib/passage";

interface StoreSearchProps {
  storeId: string;
  query: string;
  onQuery: (query: string) => void;
  onOpen: (target: PassageTarget) => void;
}

const AT_MOST = 20;

/** A search over one store, with the scores that ranked it. */
export function StoreSearch({ storeId, query, onQuery, onOpen }: StoreSearchProps) {
  const [text, setText] = useState(query);
  const result = useQuery({
    queryKey: ["store", storeId, "search", query],
    queryFn: ({ signal }) =>
      request<SearchPage>(`/v1/vector_stores/${segment(storeId)}/search`, {
        method: "POST",
        body: { query, max_num_results: AT_MOST },
        signal,
      }),
    enabled: query !== "",
    placeholderData: keepPreviousData,
  });
  return (
    <div>
      <form
        className="row search-form"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          onQuery(text.trim());
        }}
      >
        <input
          className="input grow"
          type="search"
          aria-label="Search this store"
          placeholder="Words or a question"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button primary" disabled={text.trim() === ""}>
          Search
        </button>
      </form>
      {query === "" && (
        <Empty title="Nothing searched yet." command='cairn search "QUESTION" --store NAME'>
          See what an answer would be made from: the passages found, best first, with their scores.
        </Empty>
      )}
      {result.error && <Problem what="The search failed." error={result.error} retry={() => void result.refetch()} />}
      {query !== "" && result.isPending && <Loading what="the store" />}
      {result.data && <Hits hits={result.data.data} query={query} onOpen={onOpen} />}
    </div>
  );
}

function Hits({ hits, query, onOpen }: { hits: SearchHit[]; query: string; onOpen: StoreSearchProps["onOpen"] }) {
  if (hits.length === 0) return <Empty title={`Nothing in this store is near “${query}”.`} />;
  return (
    <section className="sources">
      <p className="muted" role="status">
        {counted(hits.length, "passage")}
        {hits.length === AT_MOST && ", the best of those found"}
      </p>
      <ol>
        {hits.map((hit, at) => {
          const target = passageTarget(hit);
          return (
            <li key={hit.cairn?.chunk_id ?? at}>
              <button type="button" className="source" onClick={() => onOpen(target)}>
                <span className="source-body">
                  <span className="source-name">
                    {hit.filename}
                    <span className="muted">{place(target.page, target.heading)}</span>
                  </span>
                  <span className="source-text">{passageText(hit)}</span>
                </span>
                <Scores hit={hit} />
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Scores({ hit }: { hit: SearchHit }) {
  return (
    <span className="scores numeric">
      <strong title="Score of the ranking">{figure(hit.score)}</strong>
      {hit.cairn && hit.cairn.dense !== null && <span className="muted">meaning {figure(hit.cairn.dense)}</span>}
      {hit.cairn && hit.cairn.bm25 !== null && <span className="muted">words {figure(hit.cairn.bm25)}</span>}
    </span>
  );
}
