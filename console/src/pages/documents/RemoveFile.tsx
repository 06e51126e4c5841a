import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { request, segment } from "../../api/client";
import { useMayEdit } from "../../api/role";
import type { VectorStore, VectorStoreFile } from "../../api/types";
import { Confirm } from "../../components/Dialog";

interface RemoveFileProps {
  store: VectorStore;
  file: VectorStoreFile;
  small?: boolean;
  /** Called when it is gone, before the lists are read again. */
  then?: () => void;
}

/** Takes the file out of the store, and on request deletes it everywhere. */
export function RemoveFile({ store, file, small, then }: RemoveFileProps) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const [everywhere, setEverywhere] = useState(false);
  const act = async () => {
    const own = segment(file.id);
    const path = everywhere ? `/v1/files/${own}` : `/v1/vector_stores/${segment(store.id)}/files/${own}`;
    await request(path, { method: "DELETE" });
    then?.();
    queries.removeQueries({ queryKey: ["store", store.id, "files", file.id] });
    if (everywhere) queries.removeQueries({ queryKey: ["files", file.id] });
    await queries.invalidateQueries({ queryKey: ["stores"] });
    await queries.invalidateQueries({ queryKey: ["store"] });
    await queries.invalidateQueries({ queryKey: ["erasures"] });
  };
  if (!mayEdit) return null;
  const label = file.status === "in_progress" ? "Cancel" : "Remove";
  return (
    <Confirm
      small={small}
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
