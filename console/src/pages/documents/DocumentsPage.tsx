import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { request, segment } from "../../api/client";
import { stores } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { VectorStore } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm } from "../../components/Dialog";
import { AsOf, Empty, Loading, PageHead, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { Tabs } from "../../components/Tabs";
import { bytes, count, counted } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import { EvaluationsTab } from "../evaluations/EvaluationsTab";
import { SourceList } from "../sources/SourceList";

const route = getRouteApi("/documents");

/** Stores of documents, the sources they are kept in step with, and how well they answer. */
export function DocumentsPage() {
  useTitle("Documents");
  const { tab = "stores" } = route.useSearch();
  const navigate = route.useNavigate();
  const mayEdit = useMayEdit();
  return (
    <div className="page">
      <PageHead title="Documents">{mayEdit && <NewStore />}</PageHead>
      <Tabs
        label="Documents"
        value={tab}
        onChange={(next) => void navigate({ search: { tab: next }, replace: true })}
        tabs={[
          { value: "stores", title: "Stores", content: <StoreList /> },
          { value: "sources", title: "Sources", content: <SourceList /> },
          { value: "evaluations", title: "Evaluations", content: <EvaluationsTab /> },
        ]}
      />
    </div>
  );
}

/** The stores of the tenant: open one, delete one. */
function StoreList() {
  const query = useQuery(stores);
  return (
    <>
      {query.error && (
        <Problem what="The stores could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the stores" />}
      {query.data && (
        <>
          <DataTable
            label="Stores"
            one="store"
            items={query.data.items}
            columns={columns}
            id={(store) => store.id}
            empty={
              <Empty title="No store yet." command="cairn ingest PATH --store NAME">
                A store holds documents that are asked together. Make one above, or from a terminal:
              </Empty>
            }
          />
          {!query.data.complete && (
            <p className="notice">Only the first {count(query.data.items.length)} stores are shown.</p>
          )}
          <AsOf ms={query.dataUpdatedAt} />
        </>
      )}
    </>
  );
}

const columns: Col<VectorStore>[] = [
  {
    title: "Name",
    value: (store) => store.name,
    show: (store) => (
      <Link to="/documents/$storeId" params={{ storeId: store.id }} className="row-name">
        {store.name}
      </Link>
    ),
  },
  {
    title: "Documents",
    numeric: true,
    value: (store) => store.file_counts.total,
    show: ({ file_counts }) => (
      <>
        {count(file_counts.total)}
        {file_counts.in_progress > 0 && <span className="muted"> · {count(file_counts.in_progress)} processing</span>}
        {file_counts.failed > 0 && <span className="bad"> · {count(file_counts.failed)} failed</span>}
      </>
    ),
  },
  {
    title: "Size",
    numeric: true,
    value: (store) => store.usage_bytes,
    show: (store) => bytes(store.usage_bytes),
  },
  { title: "Made", value: (store) => store.created_at, show: (store) => <When seconds={store.created_at} /> },
  { title: "Actions", show: (store) => <DeleteStore store={store} /> },
];

function NewStore() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const make = useMutation({
    mutationFn: () => request<VectorStore>("/v1/vector_stores", { method: "POST", body: { name: name.trim() } }),
    onSuccess: async (store) => {
      await queries.invalidateQueries({ queryKey: ["stores"] });
      await navigate({ to: "/documents/$storeId", params: { storeId: store.id } });
    },
  });
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate();
      }}
    >
      <input
        className="input"
        aria-label="Name of the new store"
        placeholder="Name of a new store"
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <button type="submit" className="button primary" disabled={make.isPending || name.trim() === ""}>
        Make store
      </button>
      {make.error && <Problem what={`The store “${name}” was not made.`} error={make.error} />}
    </form>
  );
}

export function DeleteStore({ store, then }: { store: VectorStore; then?: () => void }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const act = async () => {
    await request(`/v1/vector_stores/${segment(store.id)}`, { method: "DELETE" });
    then?.();
    queries.removeQueries({ queryKey: ["store", store.id] });
    await queries.invalidateQueries({ queryKey: ["stores"] });
  };
  if (!mayEdit) return null;
  return (
    <Confirm
      small={!then}
      label="Delete"
      name={`Delete store ${store.name}`}
      title={`Delete the store “${store.name}”?`}
      act={act}
    >
      Questions will no longer find its {counted(store.file_counts.total, "document")}, from the moment it is deleted.
      This cannot be undone.
    </Confirm>
  );
}
