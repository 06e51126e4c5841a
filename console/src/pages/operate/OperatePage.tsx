import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { status, whoami } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { Engine } from "../../api/types";
import { Id } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Fact, Loading, PageHead, State } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { bytes, count, duration } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import { Erasures } from "./Erasures";
import { Keys } from "./Keys";
import { Upkeep } from "./Upkeep";

/** How the server does, and who may use it. */
export function OperatePage() {
  useTitle("Operate");
  const query = useQuery(status);
  const { data: who } = useQuery(whoami);
  const mayEdit = useMayEdit();
  const now = query.data;
  return (
    <div className="page">
      <PageHead title="Operate">
        <a className="button" href="/metrics" target="_blank" rel="noreferrer">
          Metrics
        </a>
        <a className="button" href="/openapi.json" target="_blank" rel="noreferrer">
          API description
        </a>
      </PageHead>
      {query.error && (
        <Problem what="The server’s state could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the server’s state" />}
      {now && (
        <>
          <dl className="facts">
            <Fact name="Server">
              <span className={now.ready ? "state good" : "state busy"}>{now.ready ? "ready" : "not ready"}</span>
            </Fact>
            <Fact name="Version">{now.version}</Fact>
            <Fact name="Up for">{duration(now.uptime_seconds * 1000)}</Fact>
            <Fact name="Answers">{now.answers}</Fact>
            <Fact name="Language model">{now.chat_model ?? "none"}</Fact>
            <Fact name="Embedding model">{now.embedding_model}</Fact>
          </dl>
          <section>
            <h2>Jobs</h2>
            <dl className="metrics">
              <Jobs name="queued" value={now.jobs.queued} />
              <Jobs name="running" value={now.jobs.running} />
              <Jobs name="failed" value={now.jobs.failed} bad />
            </dl>
            <p className="muted">
              Ingestion shows under <Link to="/documents">Documents</Link>, training under{" "}
              <Link to="/tables" search={{ tab: "runs" }}>
                Training runs
              </Link>
              , each with the reason where it failed.
            </p>
          </section>
          <section>
            <h2>Engines</h2>
            <DataTable
              label="Engines"
              one="engine"
              items={now.engines}
              columns={columns}
              id={(engine) => `${engine.kind} ${engine.name}`}
              empty={
                <Empty title="No engine runs." command="cairn doctor">
                  See what is missing with:
                </Empty>
              }
            />
          </section>
          <AsOf ms={query.dataUpdatedAt} />
        </>
      )}
      {who?.role === "admin" && <Keys own={who.key_id} />}
      {who?.role === "admin" && <Upkeep />}
      {mayEdit && <Erasures everyTenant={who?.role === "admin"} />}
    </div>
  );
}

function Jobs({ name, value, bad }: { name: string; value: number; bad?: boolean }) {
  return (
    <div className="metric">
      <dt>{name}</dt>
      <dd className={bad && value > 0 ? "bad" : undefined}>{count(value)}</dd>
    </div>
  );
}

const columns: Col<Engine>[] = [
  { title: "Name", value: (engine) => engine.name, show: (engine) => <strong>{engine.name}</strong> },
  { title: "Kind", value: (engine) => engine.kind },
  { title: "Runtime", value: (engine) => engine.runtime },
  {
    title: "State",
    value: (engine) => engine.state,
    show: (engine) => (
      <>
        <State value={engine.state} />
        {engine.reason && <p className="muted reason">{engine.reason}</p>}
      </>
    ),
  },
  {
    title: "Memory",
    numeric: true,
    value: (engine) => engine.memory_bytes,
    show: (engine) => (engine.memory_bytes === null ? <span className="muted">–</span> : bytes(engine.memory_bytes)),
  },
  { title: "SHA-256", value: (engine) => engine.sha256, show: (engine) => <Id value={engine.sha256} what="SHA-256" /> },
];
