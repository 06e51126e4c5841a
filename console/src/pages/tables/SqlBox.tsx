import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { request } from "../../api/client";
import { datasets } from "../../api/queries";
import type { QueryResult } from "../../api/types";
import { Grid } from "../../components/Grid";
import { Empty } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { download } from "../../lib/download";
import { counted, csv, duration, sqlName } from "../../lib/format";

/** Read-only SQL over the tenant's tables. */
export function SqlBox({ sql, onRun }: { sql: string; onRun: (sql: string) => void }) {
  const { data: tables } = useQuery(datasets);
  const [text, setText] = useState(sql);
  const query = useMutation({
    mutationFn: (statement: string) =>
      request<QueryResult>("/cairn/v1/datasets/query", { method: "POST", body: { sql: statement } }),
  });
  const { mutate } = query;
  const start = (statement: string) => {
    if (statement.trim() === "") return;
    onRun(statement);
    mutate(statement);
  };

  // A query that came with the address runs at once: it can only read.
  const first = useRef(sql);
  useEffect(() => {
    if (first.current) mutate(first.current);
    first.current = "";
  }, [mutate]);

  const example = tables?.[0] && `SELECT * FROM ${sqlName(tables[0].name)} LIMIT 100`;
  return (
    <>
      <form
        className="sql"
        onSubmit={(event) => {
          event.preventDefault();
          start(text);
        }}
      >
        <textarea
          className="input code"
          aria-label="SQL"
          rows={5}
          spellCheck={false}
          placeholder={example ?? "SELECT …"}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start(text);
          }}
        />
        <div className="row">
          <button type="submit" className="button primary" disabled={query.isPending || text.trim() === ""}>
            {query.isPending ? "Running…" : "Run"}
          </button>
          <kbd>Ctrl Enter</kbd>
          {tables && tables.length > 0 && (
            <span className="muted">Tables: {tables.map((table) => table.name).join(", ")}</span>
          )}
        </div>
      </form>
      {query.error && <Problem what="The query was not run." error={query.error} />}
      {query.data && <Result result={query.data} />}
      {query.isIdle && (
        <Empty title="No query run yet." command='cairn data query "SELECT …"'>
          Tables are named as in the list; nothing can be changed from here.
        </Empty>
      )}
    </>
  );
}

function Result({ result }: { result: QueryResult }) {
  const { columns, rows, truncated, milliseconds } = result;
  const numeric = (type: string) => /^(u?int|float|decimal|integer|number|double)/i.test(type);
  const save = () => {
    const text = csv(columns.map((column) => column.name), rows);
    download("query.csv", new Blob([text], { type: "text/csv" }));
  };
  return (
    <>
      <div className="row">
        <span className="muted numeric" role="status">
          {counted(rows.length, "row")} in {duration(milliseconds)}
        </span>
        <button type="button" className="link-button" onClick={save}>
          Export CSV
        </button>
      </div>
      {truncated && <p className="notice">There are more rows than these: add a LIMIT or aggregate to see the rest.</p>}
      {rows.length === 0 ? (
        <Empty title="The query answers no rows." />
      ) : (
        <Grid
          label="Result of the query"
          columns={columns.map(({ name, type }) => ({ name, numeric: numeric(type) }))}
          rows={rows}
        />
      )}
    </>
  );
}
