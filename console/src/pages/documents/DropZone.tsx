import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState, type DragEvent } from "react";
import { useMayEdit } from "../../api/role";
import { upload } from "../../api/uploads";

/** Where files are dropped, or chosen, to be added to a store. */
export function DropZone({ storeId }: { storeId: string }) {
  const queries = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const mayEdit = useMayEdit();
  const add = (list: FileList | null) => {
    if (!list || list.length === 0) return;
    upload(storeId, [...list], () => {
      void queries.invalidateQueries({ queryKey: ["stores"] });
      void queries.invalidateQueries({ queryKey: ["store", storeId] });
    });
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    add(event.dataTransfer.files);
  };
  if (!mayEdit) return null;
  return (
    <div
      className={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <span className="drop-words">Drop documents here, or </span>
      <button type="button" className="button" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to add"
        onChange={(event) => {
          add(event.target.files);
          event.target.value = "";
        }}
      />
      <span>
        or{" "}
        <Link to="/documents/sources/new" search={{ store: storeId }}>
          keep the store in step with a source
        </Link>
      </span>
    </div>
  );
}
