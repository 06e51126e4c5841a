import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { request, segment } from "../../api/client";
import { storeFiles } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { VectorStore, VectorStoreFile } from "../../api/types";
import { Copy } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm } from "../../components/Dialog";
import { AsOf, Empty, Loading, State, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { bytes, count } from "../../lib/format";
import { placeTarget, type PassageTarget } from "../../lib/passage";

interface FileListProps {
  store: VectorStore;
  onOpen: (target: PassageTarget) => void;
}

/** The documents of a store with their processing state. */
export function FileList({ store, onOpen }: FileListProps) {
  const queries = useQueryClient();
  const listed = useQuery(storeFiles(store.id));
  const rows = listed.data?.items ?? [];

  // When the last one is through, the store's own figures are out of date.
  const going = rows.filter(({ status }) => status === "in_progress").length;
  useEffect(() => {
    if (going > 0) return;
    void queries.invalidateQueries({ queryKey: ["stores"] });
    void queries.invalidateQueries({ queryKey: ["store", store.id], exact: true });
  }, [going, queries, store.id]);

  if (listed.error) {
    return <Problem what="The files could not be read." error={listed.error} retry={() => void listed.refetch()} />;
  }
  if (!listed.data) return <Loading what="the files" />;
  return (
    <>
      <p className="hidden" role="status">
        {going > 0 ? `${going} files are being processed` : "All files are processed"}
      </p>
      <DataTable
        label="Files"
        one="file"
        items={rows}
        columns={columns(store, onOpen)}
        id={(file) => file.id}
        empty={
          <Empty title="This store holds no document." command={`cairn ingest PATH --store ${store.name}`}>
            Drop files above, or from a terminal:
          </Empty>
        }
      />
      {!listed.data.complete && (
        <p className="notice">Only the first {count(rows.length)} files are shown; all of them are searched.</p>
      )}
      <AsOf ms={listed.dataUpdatedAt} />
    </>
  );
}

function columns(store: VectorStore, onOpen: (target: PassageTarget) => void): Col<VectorStoreFile>[] {
  return [
    {
      title: "Name",
      value: (file) => file.cairn.filename,
      show: (file) =>
        file.status === "completed" ? (
          <button type="button" className="row-name" onClick={() => onOpen(placeTarget(file.id, file.cairn.filename, null, null))}>
            {file.cairn.filename}
          </button>
        ) : (
          <span className="row-name">{file.cairn.filename}</span>
        ),
    },
    {
      title: "Status",
      value: (file) => file.status,
      show: (file) => (
        <>
          <State value={file.status} />
          {file.last_error && (
            <p className="bad reason">
              {file.last_error.message} <span className="muted">({file.last_error.code})</span>
            </p>
          )}
        </>
      ),
    },
    {
      title: "In the index",
      numeric: true,
      value: (file) => file.usage_bytes,
      show: (file) => bytes(file.usage_bytes),
    },
    { title: "Added", value: (file) => file.created_at, show: (file) => <When seconds={file.created_at} /> },
    {
      title: "Actions",
      show: (file) => (
        <span className="row tight">
          <Copy text={file.id} what={`id of ${file.cairn.filename}`} />
          <Remove store={store} file={file} />
        </span>
      ),
    },
  ];
}

/** Takes the file out of the store, and on request deletes it everywhere. */
function Remove({ store, file }: { store: VectorStore; file: VectorStoreFile }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const [everywhere, setEverywhere] = useState(false);
  const act = async () => {
    await request(`/v1/vector_stores/${segment(store.id)}/files/${segment(file.id)}`, { method: "DELETE" });
    if (everywhere) await request(`/v1/files/${segment(file.id)}`, { method: "DELETE" });
    await queries.invalidateQueries({ queryKey: ["stores"] });
    await queries.invalidateQueries({ queryKey: ["store"] });
  };
  if (!mayEdit) return null;
  const label = file.status === "in_progress" ? "Cancel" : "Remove";
  return (
    <Confirm
      small
      label={label}
      name={`${label} ${file.cairn.filename}`}
      title={`Remove “${file.cairn.filename}” from “${store.name}”?`}
      act={act}
    >
      <p>Questions to this store will no longer find it, from the moment it is removed.</p>
      <label className="check">
        <input type="checkbox" checked={everywhere} onChange={(event) => setEverywhere(event.target.checked)} />
        Also delete the file itself, from every store
      </label>
    </Confirm>
  );
}
