import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { runs } from "../../api/queries";
import type { TrainingRun } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Loading, State, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { figure, percent } from "../../lib/format";

/** Training runs, newest first; of one table, or all. */
export function RunList({ dataset }: { dataset?: string }) {
  const query = useQuery(runs);
  if (query.error) {
    return <Problem what="The runs could not be read." error={query.error} retry={() => void query.refetch()} />;
  }
  if (!query.data) return <Loading what="the runs" />;
  const items = query.data
    .filter((run) => dataset === undefined || run.dataset === dataset)
    .sort((a, b) => b.created_at - a.created_at);
  return (
    <>
      <DataTable
        label="Training runs"
        one="run"
        items={items}
        columns={columns}
        id={(run) => run.id}
        empty={
          <Empty title="Nothing trained yet." command={`cairn train ${dataset ?? "TABLE"} --target COLUMN`}>
            Choose a table and the column to predict, or from a terminal:
          </Empty>
        }
      />
      <AsOf ms={query.dataUpdatedAt} />
    </>
  );
}

const columns: Col<TrainingRun>[] = [
  {
    title: "Model",
    value: (run) => run.name,
    show: (run) => (
      <Link to="/tables/runs/$runId" params={{ runId: run.id }} className="row-name">
        {run.name}
      </Link>
    ),
  },
  {
    title: "State",
    value: (run) => run.status,
    show: (run) => (
      <>
        <State value={run.status} />
        {run.status === "running" && <span className="muted numeric"> {percent(run.progress.fraction)}</span>}
      </>
    ),
  },
  { title: "Table", value: (run) => `${run.dataset} v${run.dataset_version}` },
  { title: "Predicts", value: (run) => run.target },
  {
    title: "Test result",
    numeric: true,
    value: (run) => primary(run),
    show: (run) => {
      const result = primary(run);
      return result === null ? <span className="muted">–</span> : `${run.result?.metric} ${figure(result)}`;
    },
  },
  { title: "Started", value: (run) => run.created_at, show: (run) => <When seconds={run.created_at} /> },
];

function primary(run: TrainingRun): number | null {
  return run.result ? (run.result.test_metrics[run.result.metric] ?? null) : null;
}
