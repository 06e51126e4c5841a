import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { request } from "../../api/client";
import type { Evaluation, QuestionSet } from "../../api/types";
import { Field } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { counted } from "../../lib/format";

interface StartEvaluationProps {
  sets: QuestionSet[];
  nameOf: (id: string) => string;
}

/** Starts a run: the store as it is, and beside it what it is compared with. */
export function StartEvaluation({ sets, nameOf }: StartEvaluationProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const ready = sets.filter(({ status }) => status === "ready");
  const [chosen, setChosen] = useState("");
  const [answers, setAnswers] = useState(false);
  const [legs, setLegs] = useState(false);
  const [tune, setTune] = useState(false);
  const set = ready.find(({ id }) => id === chosen) ?? ready[0];
  const start = useMutation({
    mutationFn: (question_set: string) => {
      // Runs are compared by these names: the first is the server's own.
      const configurations = [
        { name: "default", answers },
        ...(legs
          ? [
              { name: "meaning alone", dense_weight: 1 },
              { name: "words alone", dense_weight: 0 },
            ]
          : []),
      ];
      return request<Evaluation>("/cairn/v1/evaluations", {
        method: "POST",
        body: { question_set, configurations, tune },
      });
    },
    onSuccess: async (run) => {
      await queries.invalidateQueries({ queryKey: ["evaluations"] });
      await navigate({ to: "/documents/evaluations/$runId", params: { runId: run.id } });
    },
  });
  if (!set) return null;
  const checks = [
    { label: "Have the questions answered as well; takes longer", value: answers, set: setAnswers },
    { label: "Put meaning alone and words alone beside it", value: legs, set: setLegs },
    { label: "Learn the store’s ranking and threshold from it, where that is surely better", value: tune, set: setTune },
  ];
  return (
    <>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate(set.id);
        }}
      >
        <Field label="Question set">
          <select className="input" value={set.id} onChange={(event) => setChosen(event.target.value)}>
            {ready.map(({ id, name, store, questions }) => (
              <option key={id} value={id}>
                {name} · {nameOf(store)} · {counted(questions.total, "question")}
              </option>
            ))}
          </select>
        </Field>
        <div className="wide">
          {checks.map((check) => (
            <label key={check.label} className="check">
              <input type="checkbox" checked={check.value} onChange={(event) => check.set(event.target.checked)} />
              {check.label}
            </label>
          ))}
        </div>
        <div className="row">
          <button type="submit" className="button primary" disabled={start.isPending}>
            {start.isPending ? "Starting…" : "Evaluate"}
          </button>
        </div>
      </form>
      {start.error && <Problem what="The evaluation was not started." error={start.error} />}
    </>
  );
}
