import type { Candidate, TrainingResult } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { Empty } from "../../components/parts";
import { duration, figure } from "../../lib/format";

/** Every candidate with its validation and test results; the chosen one is marked. */
export function Leaderboard({ result }: { result: TrainingResult }) {
  return (
    <section>
      <h2>Candidates</h2>
      <p className="muted">Chosen by {result.metric} in validation; the test rows had no say.</p>
      <DataTable
        label="Candidates"
        one="candidate"
        items={result.leaderboard}
        columns={columns(result)}
        id={(candidate) => candidate.candidate}
        empty={<Empty title="The run lists no candidates." />}
      />
    </section>
  );
}

function columns({ metric, test_metrics }: TrainingResult): Col<Candidate>[] {
  const others = Object.keys(test_metrics).filter((name) => name !== metric);
  const test = (name: string): Col<Candidate> => ({
    title: `Test ${name}`,
    numeric: true,
    value: (candidate) => candidate.test[name] ?? null,
    show: (candidate) => figure(candidate.test[name]),
  });
  return [
    {
      title: "Candidate",
      value: (candidate) => candidate.candidate,
      show: (candidate) => (
        <>
          <strong>{candidate.candidate}</strong> {candidate.chosen && <span className="state good">chosen</span>}
        </>
      ),
    },
    {
      title: `Validation ${metric}`,
      numeric: true,
      value: (candidate) => candidate.validation[metric] ?? null,
      show: ({ validation, validation_std }) => (
        <>
          {figure(validation[metric])}
          {typeof validation_std?.[metric] === "number" && (
            <span className="muted"> ± {figure(validation_std[metric])}</span>
          )}
        </>
      ),
    },
    test(metric),
    ...others.slice(0, 3).map(test),
    {
      title: "Fit",
      numeric: true,
      value: (candidate) => candidate.fit_seconds,
      show: (candidate) => duration(candidate.fit_seconds * 1000),
    },
    {
      title: "Predict",
      numeric: true,
      value: (candidate) => candidate.predict_micros_per_row,
      show: (candidate) => `${figure(candidate.predict_micros_per_row)} µs/row`,
    },
  ];
}
