import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { call, request, segment } from "../../api/client";
import { evaluation, questionSets, stores } from "../../api/queries";
import type { Evaluation } from "../../api/types";
import { Id } from "../../components/Copy";
import { Fact, Loading, PageHead, Progress, State, When } from "../../components/parts";
import { PageProblem } from "../../components/PageProblem";
import { Problem } from "../../components/Problem";
import { isUnderWay } from "../../lib/evaluation";
import { download } from "../../lib/download";
import { duration, remaining } from "../../lib/format";
import { useNow, useTitle } from "../../lib/hooks";
import { DeleteRun } from "./EvaluationList";
import { EvaluationReportView } from "./EvaluationReportView";

const route = getRouteApi("/documents/evaluations/$runId");

/** One run over a question set: its progress while it runs, then what it found. */
export function EvaluationPage() {
  const { runId } = route.useParams();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const query = useQuery(evaluation(runId));
  const { data: listed } = useQuery(stores);
  const { data: sets } = useQuery(questionSets);
  const run = query.data;
  const store = listed?.items.find(({ id }) => id === run?.store)?.name ?? run?.store ?? "";
  useTitle(run ? `Evaluation of ${store}` : "Evaluation");
  // A finished run is part of the history, and may have changed the store.
  const status = run?.status;
  useEffect(() => {
    if (status !== "succeeded") return;
    void queries.invalidateQueries({ queryKey: ["evaluations"], exact: true });
    void queries.invalidateQueries({ queryKey: ["store"] });
  }, [status, queries]);

  if (query.error) {
    return (
      <PageProblem
        title="Evaluation"
        what="The run could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/documents" search={{ tab: "evaluations" }}>All evaluations</Link>
      </PageProblem>
    );
  }
  if (!run) return <div className="page"><Loading what="the run" /></div>;
  const set = sets?.items.find(({ id }) => id === run.question_set)?.name ?? run.question_set;
  return (
    <div className="page">
      <PageHead
        title={`Evaluation of ${store}`}
        above={<Link to="/documents" search={{ tab: "evaluations" }}>Evaluations</Link>}
      >
        <State value={run.status} />
        {run.result && <ReportButton id={run.id} />}
        {!isUnderWay(run) && (
          <DeleteRun
            run={run}
            named={store}
            then={() => void navigate({ to: "/documents", search: { tab: "evaluations" } })}
          />
        )}
      </PageHead>
      <dl className="facts">
        <Fact name="Store">
          <Link to="/documents/$storeId" params={{ storeId: run.store }}>
            {store}
          </Link>
        </Fact>
        <Fact name="Questions">{set}</Fact>
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
      {isUnderWay(run) && <Running run={run} />}
      {run.status === "failed" && (
        <Problem what="The evaluation failed." error={{ message: run.error ?? "The server gives no reason." }} />
      )}
      {run.status === "cancelled" && <p className="notice">This run was cancelled.</p>}
      {run.result && <EvaluationReportView run={run} report={run.result} />}
    </div>
  );
}

function Running({ run }: { run: Evaluation }) {
  const queries = useQueryClient();
  const now = useNow(1000);
  const cancel = useMutation({
    mutationFn: () => request(`/cairn/v1/evaluations/${segment(run.id)}/cancel`, { method: "POST" }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["evaluations"] }),
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
        <button type="button" className="button" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
          {cancel.isPending ? "Cancelling…" : "Cancel"}
        </button>
        <span className="muted">It goes on when you leave this page. Runs are done one at a time.</span>
      </div>
      {cancel.error && <Problem what="The run was not cancelled." error={cancel.error} />}
    </section>
  );
}

/** The server's own report: one page of HTML to keep or to send on. */
function ReportButton({ id }: { id: string }) {
  const [error, setError] = useState<Error | null>(null);
  const save = () =>
    void call(`/cairn/v1/evaluations/${segment(id)}/report`)
      .then((reply) => reply.blob())
      .then((content) => download(`${id}.html`, content))
      .catch(setError);
  return (
    <>
      <button type="button" className="button" onClick={save}>
        Download report
      </button>
      {error && <Problem what="The report could not be downloaded." error={error} />}
    </>
  );
}
