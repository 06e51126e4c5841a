import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { request } from "../../api/client";
import { useMayEdit } from "../../api/role";
import type { Dataset } from "../../api/types";
import { Problem } from "../../components/Problem";

/** Adds a CSV or Parquet file as a table; a name that exists gets a new version. */
export function AddTable() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [name, setName] = useState("");
  const [over, setOver] = useState(false);
  const mayEdit = useMayEdit();
  const add = useMutation({
    mutationFn: (file: File) => {
      const form = new FormData();
      if (name.trim()) form.append("name", name.trim());
      form.append("file", file);
      return request<Dataset>("/cairn/v1/datasets", { method: "POST", body: form });
    },
    onSuccess: async (table) => {
      await queries.invalidateQueries({ queryKey: ["datasets"] });
      await navigate({ to: "/tables/$name", params: { name: table.name } });
    },
  });
  const take = (files: FileList | null) => {
    const file = files?.[0];
    if (file) add.mutate(file);
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
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <span className="drop-words">Drop a CSV or Parquet file here, or </span>
      <button type="button" className="button" disabled={add.isPending} onClick={() => input.current?.click()}>
        {add.isPending ? `Adding ${add.variables.name}…` : "Choose a file"}
      </button>
      <input
        className="input"
        aria-label="Name of the table"
        placeholder="Name (default: the file’s)"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <input
        ref={input}
        type="file"
        accept=".csv,.parquet"
        hidden
        aria-label="Table to add"
        onChange={(event) => {
          take(event.target.files);
          event.target.value = "";
        }}
      />
      {add.error && <Problem what={`“${add.variables?.name}” was not added.`} error={add.error} />}
    </div>
  );
}
