import type { Ranker, RankingShares } from "../../api/types";
import { Copy } from "../../components/Copy";
import { FormField } from "../../components/FormField";
import { filterOf, LIMIT, optionFaults, optionWords, RANKERS, type NumberName, type SearchOptions } from "../../lib/search";
import { SearchConditions } from "./SearchConditions";

interface SearchFieldsProps {
  options: SearchOptions;
  /** Attributes that are known, to choose from. */
  keys: string[];
  /** The store's own ranking, once it is known. */
  held: RankingShares | undefined;
  faults: Record<string, string>;
  onChange: (options: SearchOptions) => void;
}

const NUMBER_FIELDS: { name: NumberName; label: string; hint: string; usual?: string }[] = [
  { name: "limit", label: "Number of results", hint: "1 to 50.", usual: String(LIMIT) },
  { name: "threshold", label: "Least score", hint: "0 to 1. Passages below it are left out.", usual: "0" },
  { name: "diversity", label: "Diversity", hint: "0 takes the best, 1 those that are least like each other.", usual: "0" },
  { name: "dense_weight", label: "Share of meaning", hint: "The rest is that of words. Empty: the store’s." },
  { name: "spread", label: "Share of neighbours", hint: "Empty: the store’s." },
  { name: "late", label: "Share of the reranker", hint: "Empty: the store’s, or 0.4 for one that is named above." },
];

/** What a search can be asked for beside its words: which files, how they are ranked, and how many. */
export function SearchFields({ options, keys, held, faults, onChange }: SearchFieldsProps) {
  const set = (change: Partial<SearchOptions>) => onChange({ ...options, ...change });
  const words = optionWords(options);
  return (
    <details className="more">
      <summary>
        Filter and ranking
        {words.length > 0 && <span className="muted"> · {words.join(" · ")}</span>}
      </summary>
      <div className="search-fields">
        <SearchConditions options={options} keys={keys} faults={faults} onChange={set} />
        <WrittenFilter options={options} />
        <div className="form">
          <FormField name="ranker" label="Reranker" hint="Reads the best 50 passages again.">
            {(control) => (
              <select
                {...control}
                value={options.ranker}
                onChange={(event) => set({ ranker: event.target.value as Ranker })}
              >
                {Object.entries(RANKERS).map(([name, title]) => (
                  <option key={name} value={name}>
                    {title}
                  </option>
                ))}
              </select>
            )}
          </FormField>
          {NUMBER_FIELDS.map(({ name, label, hint, usual }) => (
            <FormField key={name} name={name} label={label} hint={hint} fault={faults[name]}>
              {(control) => (
                <input
                  {...control}
                  inputMode={name === "limit" ? "numeric" : "decimal"}
                  autoComplete="off"
                  placeholder={usual ?? (held && name in held ? String(held[name as keyof RankingShares]) : undefined)}
                  value={options.numbers[name]}
                  onChange={(event) => set({ numbers: { ...options.numbers, [name]: event.target.value } })}
                />
              )}
            </FormField>
          ))}
          <label className="check wide">
            <input type="checkbox" checked={options.expand} onChange={(event) => set({ expand: event.target.checked })} />
            Widen each hit to its section
          </label>
          <label className="check wide">
            <input type="checkbox" checked={options.rewrite} onChange={(event) => set({ rewrite: event.target.checked })} />
            Search for the content words of the query beside it
          </label>
        </div>
      </div>
    </details>
  );
}

/** The filter as the API takes it, for those who take it further. */
function WrittenFilter({ options }: { options: SearchOptions }) {
  const faulty = Object.keys(optionFaults(options)).some((name) => name.includes("."));
  const filter = faulty ? undefined : filterOf(options);
  if (!filter) return null;
  const text = JSON.stringify(filter);
  return (
    <span className="command">
      <code>{text}</code>
      <Copy text={text} what="filter" />
    </span>
  );
}
