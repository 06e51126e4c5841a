import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";
import { request, segment } from "../../api/client";
import { storeFile } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { Attributes, VectorStoreFile } from "../../api/types";
import { focusFault } from "../../components/FormField";
import { Fact } from "../../components/parts";
import { Problem } from "../../components/Problem";
import {
  ATTRIBUTE_KINDS,
  attributeRows,
  ATTRIBUTES_MAX,
  attributesOf,
  emptyRow,
  rowFaults,
  withKind,
  type AttributeKind,
  type AttributeRow,
  type RowFaults,
} from "../../lib/attributes";

interface FileAttributesProps {
  storeId: string;
  file: VectorStoreFile;
}

/** The attributes of a file in a store, which filters look at: shown to all, changed by editors. */
export function FileAttributes({ storeId, file }: FileAttributesProps) {
  const mayEdit = useMayEdit();
  const held = Object.entries(file.attributes);
  return (
    <section>
      <h3>Attributes</h3>
      <p className="muted">Searches of this store can be filtered by them.</p>
      {mayEdit && <AttributesForm storeId={storeId} file={file} />}
      {!mayEdit && held.length === 0 && <p>None.</p>}
      {!mayEdit && held.length > 0 && (
        <dl className="facts">
          {held.map(([name, value]) => (
            <Fact key={name} name={name}>
              {String(value)}
            </Fact>
          ))}
        </dl>
      )}
    </section>
  );
}

function AttributesForm({ storeId, file }: FileAttributesProps) {
  const queries = useQueryClient();
  const form = useRef<HTMLFormElement>(null);
  const adder = useRef<HTMLButtonElement>(null);
  // Null while nothing is edited: then the rows are what the file has.
  const [edits, setEdits] = useState<AttributeRow[] | null>(null);
  const [faults, setFaults] = useState<RowFaults>({});
  const rows = edits ?? attributeRows(file.attributes);
  useEffect(() => focusFault(form.current), [faults]);

  const save = useMutation({
    mutationFn: (attributes: Attributes) =>
      request<VectorStoreFile>(`/v1/vector_stores/${segment(storeId)}/files/${segment(file.id)}`, {
        method: "POST",
        body: { attributes },
      }),
    onSuccess: (now) => {
      queries.setQueryData(storeFile(storeId, file.id).queryKey, now);
      setEdits(null);
      void queries.invalidateQueries({ queryKey: ["store", storeId, "files"], exact: true });
    },
  });
  const change = (next: AttributeRow[]) => {
    setEdits(next);
    save.reset();
  };
  const submit = () => {
    const found = rowFaults(rows);
    setFaults(found);
    if (Object.keys(found).length === 0) save.mutate(attributesOf(rows));
  };
  return (
    <form
      ref={form}
      className="sheet-form"
      noValidate
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {rows.map((row, at) => (
        <Row
          key={row.id}
          row={row}
          number={at + 1}
          fault={faults[row.id] ?? {}}
          fresh={edits !== null && row.name === "" && row.value === ""}
          onChange={(next) => change(rows.map((other) => (other.id === row.id ? next : other)))}
          onRemove={() => {
            change(rows.filter((other) => other.id !== row.id));
            if (row.id in faults) setFaults(({ [row.id]: _gone, ...rest }) => rest);
            adder.current?.focus();
          }}
        />
      ))}
      <div className="row">
        <button
          ref={adder}
          type="button"
          className="button"
          disabled={rows.length >= ATTRIBUTES_MAX}
          onClick={() => change([...rows, emptyRow(rows)])}
        >
          Add attribute
        </button>
        <button type="submit" className="button" disabled={edits === null || save.isPending}>
          {save.isPending ? "Saving…" : "Save attributes"}
        </button>
        <span className="muted" role="status">
          {save.isSuccess && edits === null && "Saved: searches use them from now on."}
        </span>
      </div>
      {save.error && <Problem what="The attributes were not changed." error={save.error} />}
    </form>
  );
}

interface RowProps {
  row: AttributeRow;
  /** Its place in the list, from 1. */
  number: number;
  fault: { name?: string; value?: string };
  /** Whether it was just added: its name takes the focus. */
  fresh: boolean;
  onChange: (row: AttributeRow) => void;
  onRemove: () => void;
}

function Row({ row, number, fault, fresh, onChange, onRemove }: RowProps) {
  const id = useId();
  const name = useRef<HTMLInputElement>(null);
  // Only when the row comes, not while it is typed in.
  const [begun] = useState(fresh);
  useEffect(() => {
    if (begun) name.current?.focus();
  }, [begun]);
  const told = fault.name ?? fault.value;
  const invalid = (part: "name" | "value") => ({
    "aria-invalid": fault[part] === undefined ? undefined : (true as const),
    "aria-describedby": fault[part] === undefined ? undefined : id,
  });
  return (
    <div className="attribute" role="group" aria-label={`Attribute ${number}`}>
      <input
        ref={name}
        className="input"
        aria-label={`Name of attribute ${number}`}
        placeholder="Name"
        value={row.name}
        onChange={(event) => onChange({ ...row, name: event.target.value })}
        {...invalid("name")}
      />
      <select
        className="input"
        aria-label={`Kind of attribute ${number}`}
        value={row.kind}
        onChange={(event) => onChange(withKind(row, event.target.value as AttributeKind))}
      >
        {Object.entries(ATTRIBUTE_KINDS).map(([kind, title]) => (
          <option key={kind} value={kind}>
            {title}
          </option>
        ))}
      </select>
      {row.kind === "boolean" ? (
        <select
          className="input"
          aria-label={`Value of attribute ${number}`}
          value={row.value}
          onChange={(event) => onChange({ ...row, value: event.target.value })}
        >
          <option value="true">yes</option>
          <option value="false">no</option>
        </select>
      ) : (
        <input
          className="input"
          aria-label={`Value of attribute ${number}`}
          placeholder="Value"
          inputMode={row.kind === "number" ? "decimal" : undefined}
          value={row.value}
          onChange={(event) => onChange({ ...row, value: event.target.value })}
          {...invalid("value")}
        />
      )}
      <button type="button" className="link-button danger" aria-label={`Remove attribute ${number}`} onClick={onRemove}>
        Remove
      </button>
      {told !== undefined && (
        <span id={id} className="fault">
          {told}
        </span>
      )}
    </div>
  );
}
