import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { request, segment } from "../../api/client";
import type { Source } from "../../api/types";
import { Confirm } from "../../components/Dialog";
import { counted } from "../../lib/format";

interface RemoveSourceProps {
  source: Source;
  /** Called when it is done, where the page that shows the source is to be left. */
  then?: () => void;
}

/** Removes a source, with its documents or without. */
export function RemoveSource({ source, then }: RemoveSourceProps) {
  const queries = useQueryClient();
  const [keep, setKeep] = useState(false);
  const held = counted(source.items.total - source.items.removed, "document");
  const act = async () => {
    const files = keep ? "keep" : "delete";
    await request(`/cairn/v1/sources/${segment(source.id)}?files=${files}`, { method: "DELETE" });
    then?.();
    queries.removeQueries({ queryKey: ["sources", source.id] });
    await queries.invalidateQueries({ queryKey: ["sources"], exact: true });
    await queries.invalidateQueries({ queryKey: ["stores"] });
    await queries.invalidateQueries({ queryKey: ["store", source.vector_store_id] });
  };
  return (
    <Confirm
      small={!then}
      label="Remove"
      name={then ? "Remove this source" : `Remove source ${source.name}`}
      title={`Remove the source “${source.name}”?`}
      leave="Cancel"
      act={act}
    >
      <p>The place is not looked at any more, and nothing there is changed. Secrets kept for it are gone.</p>
      <fieldset className="kinds">
        <legend className="field-label">What it brought into the store: {held}</legend>
        <label className="check">
          <input type="radio" name="files" checked={!keep} onChange={() => setKeep(false)} />
          Delete them for good, which cannot be undone
        </label>
        <label className="check">
          <input type="radio" name="files" checked={keep} onChange={() => setKeep(true)} />
          Leave them in the store as they are
        </label>
      </fieldset>
    </Confirm>
  );
}
