import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { request, segment } from "../../api/client";
import { models, status, storeReindex } from "../../api/queries";
import type { Chunking, IndexGeneration, Reindex } from "../../api/types";
import { Field } from "../../components/parts";
import { Problem } from "../../components/Problem";
import {
  CHUNKING_NAMES,
  languageName,
  LANGUAGES,
  modelWords,
  reindexWish,
  sizes,
  startingPoint,
  type ChunkingType,
  type ReindexFields,
} from "../../lib/indexing";

interface ReindexFormProps {
  storeId: string;
  active: IndexGeneration;
  /** Called when it is started. */
  then: () => void;
}

const UNCHANGED: ReindexFields = { model: "", chunking: null, language: "", reparse: false };

/** Asks for a new index of a store, cut or embedded in another way. */
export function ReindexForm({ storeId, active, then }: ReindexFormProps) {
  const queries = useQueryClient();
  const [fields, setFields] = useState(UNCHANGED);
  const change = (part: Partial<ReindexFields>) => setFields((now) => ({ ...now, ...part }));
  const start = useMutation({
    mutationFn: () =>
      request<Reindex>(`/cairn/v1/vector_stores/${segment(storeId)}/reindex`, {
        method: "POST",
        body: reindexWish(fields),
      }),
    onSuccess: (now) => {
      queries.setQueryData(storeReindex(storeId).queryKey, now);
      then();
    },
  });
  return (
    <>
      <h3>Re-index</h3>
      <p className="muted">
        All files are cut and embedded anew. The store answers as before until the new index is whole.
      </p>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate();
        }}
      >
        <Cutting active={active} value={fields.chunking} onChange={(chunking) => change({ chunking })} />
        <EmbeddingModel active={active} value={fields.model} onChange={(model) => change({ model })} />
        <Language active={active} value={fields.language} onChange={(language) => change({ language })} />
        <Reparse value={fields.reparse} onChange={(reparse) => change({ reparse })} />
        <div className="row">
          <button type="submit" className="button primary" disabled={start.isPending}>
            {start.isPending ? "Starting…" : "Re-index"}
          </button>
        </div>
      </form>
      {start.error && <Problem what="The re-index was not started." error={start.error} />}
    </>
  );
}

interface PartProps<T> {
  active: IndexGeneration;
  value: T;
  onChange: (value: T) => void;
}

/** The way of cutting, and below it the fields that it has. */
function Cutting({ active, value, onChange }: PartProps<Chunking | null>) {
  const choose = (type: string) =>
    onChange(type === "" ? null : startingPoint(type as ChunkingType, active.chunking));
  return (
    <>
      <Field label="How files are cut" hint="Holds for every file, whatever it said when it was added.">
        <select className="input" value={value?.type ?? ""} onChange={(event) => choose(event.target.value)}>
          <option value="">As now</option>
          {Object.entries(CHUNKING_NAMES).map(([type, name]) => (
            <option key={type} value={type}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      {value &&
        sizes(value).map((size) => (
          <Field key={size.name} label={size.label} hint={`${size.min} to ${size.max}`}>
            <input
              className="input"
              type="number"
              min={size.min}
              max={size.max}
              required
              value={Number.isNaN(size.value) ? "" : size.value}
              onChange={(event) => onChange({ ...value, [size.name]: event.target.valueAsNumber })}
            />
          </Field>
        ))}
      {value && "heading_context" in value && (
        <label className="check">
          <input
            type="checkbox"
            checked={value.heading_context}
            onChange={(event) => onChange({ ...value, heading_context: event.target.checked })}
          />
          Embed and index the headings above a chunk with it
        </label>
      )}
    </>
  );
}

/** The program's own model, or an encoder of the tenant: suggested, and open to any name. */
function EmbeddingModel({ active, value, onChange }: PartProps<string>) {
  const list = useId();
  const { data: server } = useQuery(status);
  const { data: registered } = useQuery(models);
  const encoders = (registered ?? []).filter(({ kind, runtime }) => runtime === "gguf" && kind !== "llm");
  const names = [...(server ? [server.embedding_model] : []), ...encoders.map(({ name }) => name)];
  return (
    <Field label="Embedding model" hint="Empty: as now. Else the program’s own or an encoder, perhaps as name@version.">
      <input
        className="input"
        list={list}
        placeholder={modelWords(active)}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={list}>
        {[...new Set(names)].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </Field>
  );
}

/** A language that was named stays unless it is changed; another is told anew. */
function Language({ active, value, onChange }: PartProps<string>) {
  const named = active.language_named && active.language !== null;
  return (
    <Field label="Language" hint="What its words are counted in.">
      <select className="input" value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{named ? "As now" : "Told from the texts"}</option>
        {named && <option value="auto">Told from the texts</option>}
        {LANGUAGES.map((code) => (
          <option key={code} value={code}>
            {code === "other" ? "Another: words as they are" : languageName(code)}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** Whether the texts themselves are made anew, or those that are kept are cut. */
function Reparse({ value, onChange }: { value: boolean; onChange: (value: boolean) => void }) {
  const hint = useId();
  return (
    <div className="field wide">
      <label className="check">
        <input
          type="checkbox"
          checked={value}
          aria-describedby={hint}
          onChange={(event) => onChange(event.target.checked)}
        />
        Read the files again with the current reader
      </label>
      <span id={hint} className="hint">
        Takes every text from its file anew, as after an update or when models for scans were added. Takes as long as
        adding all files again; a file that cannot be read any more keeps its text.
      </span>
    </div>
  );
}
