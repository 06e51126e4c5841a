import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { sources, stores } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { Source } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Loading, State, Until, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { count, percent } from "../../lib/format";
import { outcomeWords, placeWords, runProgress } from "../../lib/sources";
import { RemoveSource } from "./RemoveSource";

/** The places that documents are kept in step with. */
export function SourceList() {
  const query = useQuery(sources);
  const mayEdit = useMayEdit();
  const { data: listed } = useQuery(stores);
  if (query.error) {
    return <Problem what="The sources could not be read." error={query.error} retry={() => void query.refetch()} />;
  }
  if (!query.data) return <Loading what="the sources" />;
  const names = new Map((listed?.items ?? []).map(({ id, name }) => [id, name]));
  return (
    <>
      {mayEdit && (
        <div className="row">
          <Link to="/documents/sources/new" className="button primary">
            Add a source
          </Link>
        </div>
      )}
      <DataTable
        label="Sources"
        one="source"
        items={query.data.items}
        columns={columns(names, mayEdit)}
        id={(source) => source.id}
        empty={
          <Empty title="No source yet." command="cairn sources add --store NAME --folder PATH">
            A source keeps a store in step with a folder, a website, a bucket, a repository or a mailbox. Add one
            here, or from a terminal:
          </Empty>
        }
      />
      <AsOf ms={query.dataUpdatedAt} />
    </>
  );
}

const ACTIONS: Col<Source> = {
  title: "Actions",
  show: (source) =>
    source.status !== "removing" && (
      <>
        <Link
          to="/documents/sources/$sourceId/edit"
          params={{ sourceId: source.id }}
          aria-label={`Edit source ${source.name}`}
        >
          Edit
        </Link>{" "}
        <RemoveSource source={source} />
      </>
    ),
};

function columns(stores: Map<string, string>, mayEdit: boolean): Col<Source>[] {
  const store = (source: Source) => stores.get(source.vector_store_id) ?? source.vector_store_id;
  return [
    {
      title: "Name",
      value: (source) => source.name,
      show: (source) => (
        <>
          <Link to="/documents/sources/$sourceId" params={{ sourceId: source.id }} className="row-name">
            {source.name}
          </Link>
          <p className="muted reason">
            {source.type} · {placeWords(source)}
          </p>
        </>
      ),
    },
    {
      title: "Store",
      value: store,
      show: (source) => (
        <Link to="/documents/$storeId" params={{ storeId: source.vector_store_id }}>
          {store(source)}
        </Link>
      ),
    },
    {
      title: "State",
      value: (source) => source.status,
      show: (source) => (
        <>
          <State value={source.status} />
          {source.progress && source.progress.items_total > 0 && (
            <span className="muted numeric"> {percent(runProgress(source.progress).fraction)}</span>
          )}
          {source.hold_reason && <p className="bad reason">{source.hold_reason}</p>}
        </>
      ),
    },
    {
      title: "Items",
      numeric: true,
      value: (source) => source.items.total,
      show: ({ items }) => (
        <>
          {count(items.total)}
          {items.pending > 0 && <span className="muted"> · {count(items.pending)} being read</span>}
          {items.failed > 0 && <span className="bad"> · {count(items.failed)} failed</span>}
        </>
      ),
    },
    {
      title: "Last run",
      value: (source) => source.last_run?.finished_at ?? null,
      show: ({ last_run }) =>
        last_run === null ? (
          <span className="muted">–</span>
        ) : (
          <span className={last_run.outcome === "failed" ? "bad" : undefined}>
            {outcomeWords(last_run)} <When seconds={last_run.finished_at} />
          </span>
        ),
    },
    {
      title: "Next run",
      value: (source) => source.next_run_at,
      show: (source) =>
        source.next_run_at === null ? <span className="muted">–</span> : <Until seconds={source.next_run_at} />,
    },
    ...(mayEdit ? [ACTIONS] : []),
  ];
}
