import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { ApiError, request, segment } from "../../api/client";
import { source as sourceQuery } from "../../api/queries";
import type { Source, VectorStore } from "../../api/types";
import { focusFault } from "../../components/FormField";
import { Problem } from "../../components/Problem";
import { KIND_NAMES, SOURCE_FIELDS, SOURCE_KINDS, type SourceKind } from "../../lib/sourceFields";
import {
  intervalOf,
  newSource,
  refusalFault,
  secretsOf,
  sourceChange,
  sourceFaults,
  textsOf,
  type Faults,
  type SourceWish,
  type Texts,
} from "../../lib/sourceForm";
import { KindField } from "./KindField";
import { SourceBasics } from "./SourceBasics";

/** How often a source is looked at unless somebody says otherwise, in seconds. */
const USUAL_SECONDS = 3600;

interface SourceFormProps {
  /** Its kind: of the source that is changed, or the one to begin with. */
  kind: SourceKind;
  /** The source to change; null to make one. */
  source: Source | null;
  stores: VectorStore[];
  /** The store to begin with, if it is known. */
  storeId?: string;
  /** Called with the source as it is then. */
  then: (source: Source) => void;
}

/** Makes a source or changes one: what its kind asks for, the store, and how often it is looked at. */
export function SourceForm({ kind: first, source: given, stores, storeId, then }: SourceFormProps) {
  const queries = useQueryClient();
  const form = useRef<HTMLFormElement>(null);
  // As it was when the form was opened: what others change meanwhile is not changed back.
  const [source] = useState(given);
  const [faults, setFaults] = useState<Faults>({});
  const [kind, setKind] = useState(first);
  // Of each kind apart: what was typed for another is there again when it is chosen again.
  const [typed, setTyped] = useState<Record<string, Texts>>(() =>
    source ? { [first]: textsOf(first, source.config) } : {},
  );
  const [forgotten, setForgotten] = useState<string[]>([]);
  const [basics, setBasics] = useState<Pick<SourceWish, "name" | "store" | "readers" | "interval">>(() => ({
    name: source?.name ?? "",
    store: source?.vector_store_id ?? storeId ?? (stores.length === 1 ? (stores[0]?.id ?? "") : ""),
    readers: "",
    interval: intervalOf(source?.every_seconds ?? USUAL_SECONDS),
  }));
  const kept = source ? secretsOf(first, source.config) : [];
  const texts = typed[kind] ?? {};
  const wish: SourceWish = { ...basics, kind, texts, forgotten };

  // Also after a refusal, so that the focus is on the first field that is wrong once it says why.
  useEffect(() => focusFault(form.current), [faults]);

  const save = useMutation({
    mutationFn: () => send(source, wish),
    onSuccess: (now) => {
      queries.setQueryData(sourceQuery(now.id).queryKey, now);
      void queries.invalidateQueries({ queryKey: ["sources"], exact: true });
      void queries.invalidateQueries({ queryKey: ["stores"] });
      then(now);
    },
    onError: (error) => {
      setFaults(error instanceof ApiError ? refusalFault(kind, error.param, error.message) : {});
    },
  });
  const submit = () => {
    const found = sourceFaults(wish, kept);
    setFaults(found);
    if (Object.keys(found).length === 0) save.mutate();
    else save.reset();
  };
  const choose = (next: SourceKind) => {
    setKind(next);
    setFaults({});
    save.reset();
  };
  const change = (name: string, text: string) =>
    setTyped((now) => ({ ...now, [kind]: { ...now[kind], [name]: text } }));
  const forget = (name: string, yes: boolean) =>
    setForgotten((now) => (yes ? [...now, name] : now.filter((other) => other !== name)));
  const fields = (more: boolean) =>
    SOURCE_FIELDS[kind]
      .filter((field) => (field.more ?? false) === more)
      .map((field) => (
        <KindField
          key={`${kind} ${field.name}`}
          field={field}
          value={texts[field.name] ?? ""}
          onChange={(text) => change(field.name, text)}
          fault={faults[field.name]}
          kept={kept.includes(field.name)}
          forgotten={forgotten.includes(field.name)}
          onForget={(yes) => forget(field.name, yes)}
        />
      ));
  const seldom = fields(true);
  const faulty = Object.keys(faults).length > 0;
  return (
    <>
      <form
        ref={form}
        className="form"
        noValidate
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {source === null && <Kinds kind={kind} onChange={choose} />}
        {fields(false)}
        <SourceBasics
          basics={basics}
          onChange={(part) => setBasics((now) => ({ ...now, ...part }))}
          faults={faults}
          stores={source === null ? stores : null}
        />
        {seldom.length > 0 && (
          <details className="wide more">
            <summary>More settings</summary>
            <div className="form">{seldom}</div>
          </details>
        )}
        <div className="row">
          <button type="submit" className="button primary" disabled={save.isPending}>
            {save.isPending ? "Asking the server…" : source ? "Save" : "Add source"}
          </button>
          {faulty && <span className="bad">Nothing was saved: see what is marked.</span>}
        </div>
      </form>
      {save.error && !faulty && (
        <Problem what={source ? "The source was not changed." : "The source was not added."} error={save.error} />
      )}
    </>
  );
}

/** Sends what the form holds; where it changes nothing, nothing is sent. */
async function send(source: Source | null, wish: SourceWish): Promise<Source> {
  if (source === null) {
    return request<Source>("/cairn/v1/sources", { method: "POST", body: newSource(wish) });
  }
  const change = sourceChange(source, wish);
  if (change === null) return source;
  return request<Source>(`/cairn/v1/sources/${segment(source.id)}`, { method: "PATCH", body: change });
}

function Kinds({ kind, onChange }: { kind: SourceKind; onChange: (kind: SourceKind) => void }) {
  return (
    <fieldset className="kinds wide">
      <legend className="field-label">Where the documents are</legend>
      {SOURCE_KINDS.map((one) => (
        <label key={one} className="check">
          <input type="radio" name="kind" value={one} checked={one === kind} onChange={() => onChange(one)} />
          {KIND_NAMES[one]}
        </label>
      ))}
    </fieldset>
  );
}
