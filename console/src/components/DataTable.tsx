import { useMemo, useState, type KeyboardEvent, type ReactNode } from "react";
import { download } from "../lib/download";
import { counted, csv } from "../lib/format";
import type { Cell } from "../api/types";

export interface Col<T> {
  title: string;
  /** What the column sorts, filters and exports by; none for a column of buttons. */
  value?: (item: T) => Cell;
  /** How it is shown; the value itself where this is absent. */
  show?: (item: T) => ReactNode;
  numeric?: boolean;
}

interface DataTableProps<T> {
  label: string;
  items: T[];
  columns: Col<T>[];
  id: (item: T) => string;
  /** One of them, as in "file"; with its plural where an "s" does not make it. */
  one: string;
  many?: string;
  empty: ReactNode;
}

interface Order {
  column: number;
  down: boolean;
}

/** A list to compare: filter, sort, export, and arrow keys from row to row. */
export function DataTable<T>({ label, items, columns, id, one, many, empty }: DataTableProps<T>) {
  const [filter, setFilter] = useState("");
  const [order, setOrder] = useState<Order | null>(null);
  const shown = useMemo(() => arrange(items, columns, filter, order), [items, columns, filter, order]);
  if (items.length === 0) return empty;

  const valued = columns.filter((column) => column.value);
  const save = () => {
    const rows = shown.map((item) => valued.map((column) => column.value?.(item) ?? null));
    const text = csv(valued.map((column) => column.title), rows);
    download(`${label.toLowerCase().replaceAll(" ", "-")}.csv`, new Blob([text], { type: "text/csv" }));
  };
  return (
    <div className="data-table">
      <div className="table-tools">
        <input
          type="search"
          className="input"
          placeholder={`Filter ${many ?? `${one}s`}`}
          aria-label={`Filter ${label}`}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        <span className="muted numeric" role="status">
          {shown.length === items.length ? "" : `${shown.length} of `}
          {counted(items.length, one, many)}
        </span>
        <button type="button" className="link-button" onClick={save} aria-label={`Export CSV of ${label}`}>
          Export CSV
        </button>
      </div>
      {/* The roles stay when a narrow screen shows rows as blocks. */}
      <table role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column, at) => (
              <Heading key={column.title} column={column} at={at} order={order} setOrder={setOrder} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" onKeyDown={moveRow}>
          {shown.map((item) => (
            <tr role="row" key={id(item)}>
              {columns.map((column) => (
                <td role="cell" key={column.title} className={kind(column)} data-label={column.title}>
                  <div>{column.show ? column.show(item) : String(column.value?.(item) ?? "")}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length === 0 && <p className="empty-title">Nothing matches “{filter}”.</p>}
    </div>
  );
}

function kind<T>(column: Col<T>): string | undefined {
  if (!column.value) return "actions";
  return column.numeric ? "numeric" : undefined;
}

interface HeadingProps<T> {
  column: Col<T>;
  at: number;
  order: Order | null;
  setOrder: (order: Order | null) => void;
}

function Heading<T>({ column, at, order, setOrder }: HeadingProps<T>) {
  const mine = order?.column === at ? order : null;
  const className = kind(column);
  if (!column.value) {
    return (
      <th role="columnheader" scope="col" className={className}>
        <span className="hidden">{column.title}</span>
      </th>
    );
  }
  const next = mine === null ? { column: at, down: false } : mine.down ? null : { column: at, down: true };
  return (
    <th role="columnheader" scope="col" className={className} aria-sort={mine ? (mine.down ? "descending" : "ascending") : undefined}>
      <button type="button" className="sort" onClick={() => setOrder(next)}>
        {column.title}
        <span aria-hidden="true">{mine ? (mine.down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function arrange<T>(items: T[], columns: Col<T>[], filter: string, order: Order | null): T[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = items.filter((item) => {
    const text = columns.map((column) => String(column.value?.(item) ?? "").toLowerCase()).join("\n");
    return words.every((word) => text.includes(word));
  });
  const value = order ? columns[order.column]?.value : undefined;
  if (!order || !value) return kept;
  return kept.sort((a, b) => (order.down ? -1 : 1) * compare(value(a), value(b)));
}

function compare(a: Cell, b: Cell): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true, sensitivity: "base" });
}

/** Up and down move the focus to the same control of the neighbouring row. */
function moveRow(event: KeyboardEvent<HTMLTableSectionElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const from = event.target as HTMLElement;
  const row = from.closest("tr");
  const to = event.key === "ArrowDown" ? row?.nextElementSibling : row?.previousElementSibling;
  if (!row || !to) return;
  const controls = (parent: Element) => [...parent.querySelectorAll<HTMLElement>("a, button")];
  const targets = controls(to);
  const target = targets[controls(row).indexOf(from)] ?? targets[0];
  if (!target) return;
  event.preventDefault();
  target.focus();
}
