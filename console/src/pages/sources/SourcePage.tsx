import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { source as sourceQuery, stores } from "../../api/queries";
import type { Source, SourceRun } from "../../api/types";
import { Id } from "../../components/Copy";
import { AsOf, Fact, Loading, PageHead, Progress, State, Until, When } from "../../components/parts";
import { PageProblem } from "../../components/PageProblem";
import { PassageSheet } from "../../components/PassageSheet";
import { Problem } from "../../components/Problem";
import { bytes, count, duration } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import type { PassageTarget } from "../../lib/passage";
import { countsWords, everyWords, outcomeWords, placeWords, runProgress } from "../../lib/sources";
import { SourceActions } from "./SourceActions";
import { SourceItems } from "./SourceItems";

const route = getRouteApi("/documents/sources/$sourceId");

/** One source: how far its run is, when it runs next, and what is held of each thing there. */
export function SourcePage() {
  const { sourceId } = route.useParams();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const [opened, setOpened] = useState<PassageTarget | null>(null);
  const query = useQuery(sourceQuery(sourceId));
  const { data: listed } = useQuery(stores);
  const source = query.data;
  useTitle(source?.name ?? "Source");

  // Whatever a run takes changes the items and the store.
  const done = `${source?.status} ${source?.progress?.items_done} ${source?.last_run?.finished_at}`;
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ["sources", sourceId, "items"] });
    void queries.invalidateQueries({ queryKey: ["stores"] });
  }, [done, queries, sourceId]);

  if (query.error) {
    return (
      <PageProblem
        title="Source"
        what="The source could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/documents" search={{ tab: "sources" }}>All sources</Link>
      </PageProblem>
    );
  }
  if (!source) return <div className="page"><Loading what="the source" /></div>;
  const store = listed?.items.find(({ id }) => id === source.vector_store_id)?.name ?? source.vector_store_id;
  const readers = source.attributes["cairn.access"];
  return (
    <div className="page">
      <PageHead title={source.name} above={<Link to="/documents" search={{ tab: "sources" }}>Sources</Link>}>
        <State value={source.status} />
      </PageHead>
      <dl className="facts">
        <Fact name="Place">
          {source.type} · {placeWords(source)}
        </Fact>
        <Fact name="Store">
          <Link to="/documents/$storeId" params={{ storeId: source.vector_store_id }}>
            {store}
          </Link>
        </Fact>
        <Fact name="Looked at">{everyWords(source.every_seconds)}</Fact>
        <Fact name="Next run">
          {source.next_run_at === null ? nextWords(source) : <Until seconds={source.next_run_at} />}
        </Fact>
        {typeof readers === "string" && <Fact name="May be read by">{readers}</Fact>}
        <Fact name="Ready">{count(source.items.ready)}</Fact>
        <Fact name="Being read">{count(source.items.pending)}</Fact>
        <Fact name="Failed">
          <span className={source.items.failed > 0 ? "bad" : undefined}>{count(source.items.failed)}</span>
        </Fact>
        <Fact name="Size">{bytes(source.items.bytes)}</Fact>
        <Fact name="Id">
          <Id value={source.id} what="source id" length={18} />
        </Fact>
      </dl>
      {source.hold_reason && (
        <div className="problem" role="alert">
          <p className="problem-what">This source is on hold.</p>
          <p>{source.hold_reason}</p>
        </div>
      )}
      <SourceActions source={source} then={() => void navigate({ to: "/documents", search: { tab: "sources" } })} />
      {source.progress && <Progress {...runProgress(source.progress)} />}
      {source.last_run && <LastRun run={source.last_run} />}
      <section>
        <h2>Items</h2>
        <SourceItems source={source} onOpen={setOpened} />
      </section>
      <AsOf ms={query.dataUpdatedAt} />
      <PassageSheet target={opened} storeId={source.vector_store_id} onClose={() => setOpened(null)} />
    </div>
  );
}

/** Why no time is known for the next run. */
function nextWords({ status }: Source): string {
  switch (status) {
    case "paused":
      return "when it is resumed";
    case "on_hold":
      return "when somebody decides";
    case "removing":
      return "none: it is being removed";
    default:
      return "on request";
  }
}

function LastRun({ run }: { run: SourceRun }) {
  if (run.outcome === "failed") {
    return (
      <Problem
        what="The last run failed; what was taken before stays."
        error={{ message: run.error ?? "The server gives no reason." }}
      />
    );
  }
  return (
    <p className="muted">
      Last run {outcomeWords(run)} <When seconds={run.finished_at} />
      {run.started_at !== null && <> in {duration(Math.max(0, run.finished_at - run.started_at) * 1000)}</>}:{" "}
      {countsWords(run.counts)}
      {run.counts.bytes > 0 && <> ({bytes(run.counts.bytes)} read)</>}.
    </p>
  );
}
