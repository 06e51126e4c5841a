import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { request, segment } from "../../api/client";
import type { Estimate, Evaluation } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm } from "../../components/Dialog";
import { Empty, State, When } from "../../components/parts";
import { percent } from "../../lib/format";
import { figureName, isUnderWay, MAIN_FIGURE } from "../../lib/evaluation";

interface EvaluationListProps {
  runs: Evaluation[];
  /** The name of a store or a question set. */
  nameOf: (id: string) => string;
}

/** Runs, newest first, with an alert on those that were worse than the one before. */
export function EvaluationList({ runs, nameOf }: EvaluationListProps) {
  return (
    <DataTable
      label="Evaluations"
      one="run"
      items={runs}
      columns={columns(nameOf)}
      id={(run) => run.id}
      empty={
        <Empty title="Nothing was evaluated yet." command="cairn eval STORE --questions FILE.jsonl">
          Measure a store by your own questions, or by generated ones from below. From a terminal:
        </Empty>
      }
    />
  );
}

function columns(nameOf: EvaluationListProps["nameOf"]): Col<Evaluation>[] {
  const figure = (name: string): Col<Evaluation> => ({
    title: figureName(name),
    numeric: true,
    value: (run) => first(run, name)?.value ?? null,
    show: (run) => <Interval estimate={first(run, name)} />,
  });
  return [
    {
      title: "Store",
      value: (run) => nameOf(run.store),
      show: (run) => (
        <Link to="/documents/evaluations/$runId" params={{ runId: run.id }} className="row-name">
          {nameOf(run.store)}
        </Link>
      ),
    },
    { title: "Questions", value: (run) => nameOf(run.question_set) },
    {
      title: "State",
      value: (run) => (run.worse ? `${run.status}, worse` : run.status),
      show: (run) => (
        <>
          <State value={run.status} />
          {run.status === "running" && <span className="muted numeric"> {percent(run.progress.fraction)}</span>}
          {run.worse && <p className="bad reason">worse than the run before</p>}
        </>
      ),
    },
    figure(MAIN_FIGURE),
    figure("faithfulness"),
    { title: "Started", value: (run) => run.created_at, show: (run) => <When seconds={run.created_at} /> },
    {
      title: "Actions",
      show: (run) => !isUnderWay(run) && <DeleteRun run={run} small named={nameOf(run.store)} />,
    },
  ];
}

/** A figure of the first configuration. */
function first(run: Evaluation, figure: string): Estimate | undefined {
  return run.result?.configurations[0]?.figures[figure];
}

function Interval({ estimate }: { estimate: Estimate | undefined }) {
  if (!estimate) return <span className="muted">–</span>;
  return (
    <span title={`95 % interval, from ${estimate.questions} questions`}>
      {estimate.value.toFixed(3)}{" "}
      <span className="muted">
        [{estimate.low.toFixed(3)}, {estimate.high.toFixed(3)}]
      </span>
    </span>
  );
}

interface DeleteRunProps {
  run: Evaluation;
  named: string;
  small?: boolean;
  then?: () => void;
}

export function DeleteRun({ run, named, small, then }: DeleteRunProps) {
  const queries = useQueryClient();
  const act = async () => {
    await request(`/cairn/v1/evaluations/${segment(run.id)}`, { method: "DELETE" });
    then?.();
    queries.removeQueries({ queryKey: ["evaluations", run.id] });
    await queries.invalidateQueries({ queryKey: ["evaluations"] });
  };
  return (
    <Confirm small={small} label="Delete" name={`Delete the run of ${named}`} title="Delete this run?" act={act}>
      Its figures and results are gone, also from the history of its question set.
    </Confirm>
  );
}
