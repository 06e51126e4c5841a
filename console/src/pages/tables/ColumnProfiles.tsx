import type { Cell, Column, Dataset } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { Empty, Share } from "../../components/parts";
import { count, figure, percent } from "../../lib/format";

/** What each column holds: type, gaps, range, and its commonest values. */
export function ColumnProfiles({ table }: { table: Dataset }) {
  return (
    <DataTable
      label="Columns"
      one="column"
      items={table.columns}
      columns={columns(table.rows)}
      id={(column) => column.name}
      empty={<Empty title="This table has no columns." />}
    />
  );
}

function columns(rows: number): Col<Column>[] {
  return [
    { title: "Name", value: (column) => column.name, show: (column) => <strong>{column.name}</strong> },
    { title: "Type", value: (column) => column.type },
    {
      title: "Missing",
      numeric: true,
      value: (column) => column.nulls,
      show: (column) =>
        column.nulls === 0 ? <span className="muted">none</span> : `${count(column.nulls)} (${share(column.nulls, rows)})`,
    },
    { title: "Distinct", numeric: true, value: (column) => column.distinct, show: (column) => distinct(column) },
    { title: "Least", numeric: true, value: (column) => column.min, show: (column) => value(column.min) },
    { title: "Mean", numeric: true, value: (column) => column.mean, show: (column) => figure(column.mean) },
    { title: "Greatest", numeric: true, value: (column) => column.max, show: (column) => value(column.max) },
    { title: "Commonest values", value: (column) => String(column.top[0]?.value ?? ""), show: (column) => <Top column={column} rows={rows} /> },
  ];
}

function distinct(column: Column): string {
  return `${column.distinct_exact === false ? "about " : ""}${count(column.distinct)}`;
}

const SHOWN = 3;

function Top({ column, rows }: { column: Column; rows: number }) {
  // Where nearly every value differs, the commonest say nothing.
  const [first] = column.top;
  if (!first || first.count <= 1) return <span className="muted">none repeats</span>;
  return (
    <div className="top-values">
      {column.top.slice(0, SHOWN).map((top) => (
        <Share
          key={String(top.value)}
          label={value(top.value)}
          fraction={rows === 0 ? 0 : top.count / rows}
          text={share(top.count, rows)}
        />
      ))}
    </div>
  );
}

function share(part: number, whole: number): string {
  return whole === 0 ? "–" : percent(part / whole, 1);
}

function value(cell: Cell): string {
  if (cell === null) return "–";
  return typeof cell === "number" ? figure(cell) : String(cell);
}
