import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { storeRanking } from "../../api/queries";
import { storeSearch } from "../../api/searching";
import { focusFault } from "../../components/FormField";
import { Empty, Loading } from "../../components/parts";
import { Problem } from "../../components/Problem";
import type { PassageTarget } from "../../lib/passage";
import { givesShares, optionFaults, packed, searchBody, unpacked, type SearchOptions } from "../../lib/search";
import { SearchFields } from "./SearchFields";
import { SearchHits } from "./SearchHits";

interface StoreSearchProps {
  storeId: string;
  query: string;
  /** What else is asked for, as the address keeps it. */
  how: Partial<SearchOptions> | undefined;
  onSearch: (query: string, how: Partial<SearchOptions> | undefined) => void;
  onOpen: (target: PassageTarget) => void;
}

/** A search over one store, with the steps that ranked what it found. */
export function StoreSearch({ storeId, query, how, onSearch, onOpen }: StoreSearchProps) {
  const form = useRef<HTMLFormElement>(null);
  const [text, setText] = useState(query);
  const asked = unpacked(how);
  const [options, setOptions] = useState(asked);
  // An address may ask for what no form would send: it is shown as wrong, and nothing is sent.
  const unsent = optionFaults(asked);
  const [faults, setFaults] = useState(query === "" ? {} : unsent);
  useEffect(() => focusFault(form.current), [faults]);
  const ranking = useQuery(storeRanking(storeId));
  const held = ranking.data?.ranking;
  const result = useQuery({
    ...storeSearch(storeId, searchBody(query, asked, held)),
    enabled: query !== "" && Object.keys(unsent).length === 0 && (held !== undefined || !givesShares(asked)),
  });
  const keys = (result.data?.data ?? []).flatMap((hit) => Object.keys(hit.attributes ?? {}));
  const change = (next: SearchOptions) => {
    setOptions(next);
    // What was wrong is looked at again when it is sent.
    setFaults((now) => (Object.keys(now).length === 0 ? now : {}));
  };
  const submit = () => {
    const found = optionFaults(options);
    setFaults(found);
    if (Object.keys(found).length === 0 && text.trim() !== "") onSearch(text.trim(), packed(options));
  };
  return (
    <div className="store-search">
      <form
        ref={form}
        role="search"
        className="search-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <div className="row">
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
        </div>
        <SearchFields options={options} keys={keys} held={held} faults={faults} onChange={change} />
      </form>
      {query === "" && (
        <Empty title="Nothing searched yet." command='cairn search "QUESTION" --store NAME'>
          See what an answer would be made from: the passages found, best first, with the steps of their scores.
        </Empty>
      )}
      {givesShares(asked) && ranking.error && (
        <Problem
          what="The store’s own shares could not be read."
          error={ranking.error}
          retry={() => void ranking.refetch()}
        />
      )}
      {result.error && <Problem what="The search failed." error={result.error} retry={() => void result.refetch()} />}
      {result.isFetching && (result.isPending || result.isPlaceholderData) && <Loading what="the store" />}
      {result.data && !result.error && <SearchHits page={result.data} query={query} asked={asked} onOpen={onOpen} />}
    </div>
  );
}
