import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { request } from "../../api/client";
import { useMayEdit } from "../../api/role";
import type { Dataset, TrainingRequest, TrainingRun } from "../../api/types";
import { Command } from "../../components/Copy";
import { Field } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { RunList } from "./RunList";

const SHELL_SAFE = /^[\w.-]+$/;

/** Trains a model that predicts one column from the others. */
export function TrainForm({ table }: { table: Dataset }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [target, setTarget] = useState("");
  const [name, setName] = useState("");
  const [budget, setBudget] = useState(60);
  const [seed, setSeed] = useState(0);
  const mayEdit = useMayEdit();
  const train = useMutation({
    mutationFn: () => {
      const body: TrainingRequest = { dataset: table.name, target, budget_seconds: budget, seed };
      if (name.trim()) body.name = name.trim();
      return request<TrainingRun>("/cairn/v1/training_runs", { method: "POST", body });
    },
    onSuccess: async (run) => {
      await queries.invalidateQueries({ queryKey: ["runs"] });
      await navigate({ to: "/tables/runs/$runId", params: { runId: run.id } });
    },
  });
  return (
    <>
      {!mayEdit && <p className="notice">This key may only read: training needs an editor’s key.</p>}
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          train.mutate();
        }}
      >
        <Field label="Column to predict">
          <select className="input" required value={target} onChange={(event) => setTarget(event.target.value)}>
            <option value="" disabled>
              Choose a column
            </option>
            {table.columns.map((column) => (
              <option key={column.name} value={column.name}>
                {column.name} ({column.type}, {column.distinct} distinct)
              </option>
            ))}
          </select>
        </Field>
        <Field label="Time to spend" hint="Seconds. More time tries more candidates.">
          <input
            className="input"
            type="number"
            min={1}
            max={86_400}
            required
            value={budget}
            onChange={(event) => setBudget(event.target.valueAsNumber)}
          />
        </Field>
        <Field label="Name of the model" hint="Optional. A name that exists gets a new version.">
          <input className="input" value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label="Seed" hint="Fixes how rows are split and what the trainers draw.">
          <input
            className="input"
            type="number"
            min={0}
            required
            value={seed}
            onChange={(event) => setSeed(event.target.valueAsNumber)}
          />
        </Field>
        <div className="row">
          <button type="submit" className="button primary" disabled={!mayEdit || train.isPending || target === ""}>
            {train.isPending ? "Starting…" : "Train"}
          </button>
          {target !== "" && (
            <Command text={`cairn train ${shell(table.name)} --target ${shell(target)} --budget ${budget}s`} />
          )}
        </div>
      </form>
      {train.error && <Problem what="The training was not started." error={train.error} />}
      <h2>Runs of this table</h2>
      <RunList dataset={table.name} />
    </>
  );
}

function shell(word: string): string {
  return SHELL_SAFE.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
