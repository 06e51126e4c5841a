import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { rows } from "../../api/queries";
import type { Dataset } from "../../api/types";
import { Grid } from "../../components/Grid";
import { Empty, Loading } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { count } from "../../lib/format";

const PAGE = 50;

/** The table's rows, a page at a time. */
export function RowPreview({ table }: { table: Dataset }) {
  const [offset, setOffset] = useState(0);
  const query = useQuery(rows(table.name, PAGE, offset));
  if (query.error) {
    return <Problem what="The rows could not be read." error={query.error} retry={() => void query.refetch()} />;
  }
  if (!query.data) return <Loading what="the rows" />;
  const { columns, rows: shown, total } = query.data;
  if (total === 0) return <Empty title="This table has no rows." />;
  const types = new Map(table.columns.map((column) => [column.name, column.type]));
  const numeric = (name: string) => types.get(name) === "integer" || types.get(name) === "number";
  return (
    <>
      <div className="row">
        <button type="button" className="button" disabled={offset === 0} onClick={() => setOffset(offset - PAGE)}>
          Previous
        </button>
        <button
          type="button"
          className="button"
          disabled={offset + PAGE >= total}
          onClick={() => setOffset(offset + PAGE)}
        >
          Next
        </button>
        <span className="muted numeric" role="status">
          Rows {count(offset + 1)} to {count(offset + shown.length)} of {count(total)}
        </span>
      </div>
      <Grid
        label={`Rows of ${table.name}`}
        columns={columns.map((name) => ({ name, numeric: numeric(name) }))}
        rows={shown}
      />
    </>
  );
}
