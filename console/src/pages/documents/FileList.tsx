import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { storeFiles } from "../../api/queries";
import type { VectorStore, VectorStoreFile } from "../../api/types";
import { Copy } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Loading, State, Until, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { bytes, count, counted } from "../../lib/format";
import { RemoveFile } from "./RemoveFile";

interface FileListProps {
  store: VectorStore;
  onOpen: (fileId: string) => void;
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

function columns(store: VectorStore, onOpen: FileListProps["onOpen"]): Col<VectorStoreFile>[] {
  return [
    {
      title: "Name",
      value: (file) => file.cairn.filename,
      show: (file) => (
        <button type="button" className="row-name" onClick={() => onOpen(file.id)}>
          {file.cairn.filename}
        </button>
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
          {file.cairn.waiting && (
            <p className="muted reason">
              Put off: {file.cairn.waiting}
              {file.cairn.retry_at !== null && (
                <>
                  . Next try: <Until seconds={file.cairn.retry_at} />
                </>
              )}
            </p>
          )}
          {file.cairn.notes.length > 0 && (
            <p className="muted reason">{counted(file.cairn.notes.length, "note")} of the reader</p>
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
          <RemoveFile small store={store} file={file} />
        </span>
      ),
    },
  ];
}
