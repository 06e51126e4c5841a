import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { request } from "../../api/client";
import { dataset, rows } from "../../api/queries";
import type { Cell, Column, Dataset, Model, Predictions, Tensor } from "../../api/types";
import { Empty, Field } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { figure } from "../../lib/format";
import { inputKind, inputText, inputValue } from "../../lib/inputs";
import { PredictionView } from "./PredictionView";

interface PredictFormProps {
  model: Model;
  version: number;
}

/** One row to predict: a field per input of the model. */
export function PredictForm({ model, version }: PredictFormProps) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const trained = model.versions.find((item) => item.version === version);
  const { data: table } = useQuery({ ...dataset(trained?.dataset ?? ""), enabled: Boolean(trained?.dataset) });
  const predict = useMutation({
    mutationFn: () => {
      const entries = model.inputs.map((input): [string, Cell] => [
        input.name,
        inputValue(inputKind(input), texts[input.name] ?? ""),
      ]);
      const body = { model: model.name, version, rows: [Object.fromEntries(entries)] };
      return request<Predictions>("/cairn/v1/predict", { method: "POST", body });
    },
  });
  if (model.inputs.length === 0) return <Empty title="This model names no inputs." />;
  const result = predict.data?.predictions[0];
  return (
    <div className="predict">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          predict.mutate();
        }}
      >
        <div className="fields">
          {model.inputs.map((input) => (
            <Input
              key={input.name}
              input={input}
              table={table}
              value={texts[input.name] ?? ""}
              onChange={(value) => setTexts((now) => ({ ...now, [input.name]: value }))}
            />
          ))}
        </div>
        <div className="row">
          <button type="submit" className="button primary" disabled={predict.isPending}>
            {predict.isPending ? "Predicting…" : "Predict"}
          </button>
          {table && <FillRow table={table} onFill={setTexts} />}
        </div>
        <p className="hint">An empty field is sent as a missing value.</p>
      </form>
      {predict.error && <Problem what="Nothing was predicted." error={predict.error} />}
      {result && predict.data && (
        <PredictionView result={result} model={predict.data.model} version={predict.data.version} target={trained?.target ?? null} />
      )}
    </div>
  );
}

interface InputProps {
  input: Tensor;
  table: Dataset | undefined;
  value: string;
  onChange: (value: string) => void;
}

function Input({ input, table, value, onChange }: InputProps) {
  const kind = inputKind(input);
  const known = table?.columns.find((column) => column.name === input.name);
  const list = `values-${input.name}`;
  if (kind === "boolean") {
    return (
      <Field label={input.name}>
        <select className="input" value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">missing</option>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      </Field>
    );
  }
  return (
    <Field label={input.name} hint={kind === "timestamp" ? "As 2024-05-31 or 2024-05-31T12:00:00" : range(known)}>
      <input
        className="input"
        type={kind === "integer" || kind === "number" ? "number" : "text"}
        step={kind === "integer" ? 1 : "any"}
        list={kind === "text" && known ? list : undefined}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      {kind === "text" && known && (
        <datalist id={list}>
          {known.top.map((top) => (
            <option key={String(top.value)} value={inputText(top.value)} />
          ))}
        </datalist>
      )}
    </Field>
  );
}

function range(column: Column | undefined): string | undefined {
  if (typeof column?.min !== "number" || typeof column.max !== "number") return undefined;
  return `${figure(column.min)} to ${figure(column.max)} in the table`;
}

/** Fills the form with a row of the table the model was trained from. */
function FillRow({ table, onFill }: { table: Dataset; onFill: (texts: Record<string, string>) => void }) {
  const [offset, setOffset] = useState<number | null>(null);
  const [filled, setFilled] = useState<number | null>(null);
  const query = useQuery({ ...rows(table.name, 1, offset ?? 0), enabled: offset !== null, placeholderData: undefined });
  if (query.data && offset !== null && filled !== offset) {
    setFilled(offset);
    const [row] = query.data.rows;
    onFill(Object.fromEntries(query.data.columns.map((name, at) => [name, inputText(row?.[at])])));
  }
  return (
    <button
      type="button"
      className="button"
      disabled={query.isFetching || table.rows === 0}
      onClick={() => setOffset(Math.floor(Math.random() * table.rows))}
    >
      Fill in a row of {table.name}
    </button>
  );
}
