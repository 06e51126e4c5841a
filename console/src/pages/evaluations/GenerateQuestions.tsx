import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { request } from "../../api/client";
import type { QuestionSet, VectorStore } from "../../api/types";
import { Field } from "../../components/parts";
import { Problem } from "../../components/Problem";

/** Has questions made from a store's documents, a quarter of them without an answer. */
export function GenerateQuestions({ stores }: { stores: VectorStore[] }) {
  const queries = useQueryClient();
  const [chosen, setChosen] = useState("");
  const [number, setNumber] = useState("50");
  const store = stores.find(({ id }) => id === chosen) ?? stores[0];
  const make = useMutation({
    mutationFn: (body: object) => request<QuestionSet>("/cairn/v1/question_sets", { method: "POST", body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["question_sets"] }),
  });
  if (!store) return null;
  return (
    <>
      <form
        className="form inline"
        onSubmit={(event) => {
          event.preventDefault();
          const count = Number(number);
          make.mutate({ store: store.id, name: `${count} generated`, generate: { count } });
        }}
      >
        <Field label="Questions about">
          <select className="input" value={store.id} onChange={(event) => setChosen(event.target.value)}>
            {stores.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <Field label="How many">
          <input
            className="input"
            type="number"
            min={1}
            max={1000}
            required
            value={number}
            onChange={(event) => setNumber(event.target.value)}
          />
        </Field>
        <button type="submit" className="button" disabled={make.isPending}>
          {make.isPending ? "Starting…" : "Generate questions"}
        </button>
      </form>
      {make.error && <Problem what="No questions were generated." error={make.error} />}
    </>
  );
}
