import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { request, segment } from "../../api/client";
import { run as runQuery } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { TrainingRun } from "../../api/types";
import { Id } from "../../components/Copy";
import { Fact, Loading, PageHead, Progress, State, When } from "../../components/parts";
import { PageProblem } from "../../components/PageProblem";
import { Problem } from "../../components/Problem";
import { duration, remaining } from "../../lib/format";
import { useNow, useTitle } from "../../lib/hooks";
import { TrainingResultView } from "./TrainingResult";

const route = getRouteApi("/tables/runs/$runId");

/** One training run: its progress while it runs, then what came of it. */
export function TrainingPage() {
  const { runId } = route.useParams();
  const queries = useQueryClient();
  const query = useQuery(runQuery(runId));
  const run = query.data;
  useTitle(run ? `Training ${run.name}` : "Training");
  const status = run?.status;
  useEffect(() => {
    if (status === "succeeded") void queries.invalidateQueries({ queryKey: ["models"] });
  }, [status, queries]);

  if (query.error) {
    return (
      <PageProblem
        title="Training run"
        what="The run could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/tables" search={{ tab: "runs" }}>All runs</Link>
      </PageProblem>
    );
  }
  if (!run) return <div className="page"><Loading what="the run" /></div>;
  return (
    <div className="page">
      <PageHead
        title={`Training ${run.name}`}
        above={<Link to="/tables" search={{ tab: "runs" }}>Training runs</Link>}
      >
        <State value={run.status} />
      </PageHead>
      <dl className="facts">
        <Fact name="Table">
          <Link to="/tables/$name" params={{ name: run.dataset }}>
            {run.dataset} v{run.dataset_version}
          </Link>
        </Fact>
        <Fact name="Predicts">{run.target}</Fact>
        {run.task && <Fact name="Task">{run.task}</Fact>}
        <Fact name="Started">
          <When seconds={run.created_at} />
        </Fact>
        {run.finished_at !== null && (
          <Fact name="Took">{duration(Math.max(0, run.finished_at - run.created_at) * 1000)}</Fact>
        )}
        <Fact name="Run">
          <Id value={run.id} what="run id" length={18} />
        </Fact>
      </dl>
      {(run.status === "queued" || run.status === "running") && <Running run={run} />}
      {run.status === "failed" && (
        <Problem what="The training failed." error={{ message: run.error ?? "The server gives no reason." }} />
      )}
      {run.status === "cancelled" && <p className="notice">This run was cancelled; nothing was registered.</p>}
      {run.result && <TrainingResultView result={run.result} />}
    </div>
  );
}

function Running({ run }: { run: TrainingRun }) {
  const queries = useQueryClient();
  const now = useNow(1000);
  const mayEdit = useMayEdit();
  const cancel = useMutation({
    mutationFn: () => request(`/cairn/v1/training_runs/${segment(run.id)}/cancel`, { method: "POST" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["runs"] }),
  });
  const elapsed = now - run.created_at * 1000;
  return (
    <section className="running">
      <Progress
        fraction={run.progress.fraction}
        label={run.progress.stage || run.status}
        detail={remaining(elapsed, run.progress.fraction)}
      />
      <div className="row">
        {mayEdit && (
          <button type="button" className="button" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
            {cancel.isPending ? "Cancelling…" : "Cancel"}
          </button>
        )}
        <span className="muted">It goes on when you leave this page.</span>
      </div>
      {cancel.error && <Problem what="The run was not cancelled." error={cancel.error} />}
    </section>
  );
}
