import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { datasets } from "../../api/queries";
import type { Dataset } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Loading, PageHead, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { Tabs } from "../../components/Tabs";
import { bytes, count } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import { AddTable } from "./AddTable";
import { DeleteTable } from "./DeleteTable";
import { RunList } from "./RunList";
import { SqlBox } from "./SqlBox";

const route = getRouteApi("/tables");

/** Tables, the SQL over them, and the models trained from them. */
export function TablesPage() {
  useTitle("Tables");
  const { tab = "tables", sql } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className="page">
      <PageHead title="Tables" />
      <Tabs
        label="Tables"
        value={tab}
        onChange={(next) => void navigate({ search: (now) => ({ ...now, tab: next }), replace: true })}
        tabs={[
          { value: "tables", title: "Tables", content: <TableList /> },
          {
            value: "sql",
            title: "SQL",
            content: (
              <SqlBox
                sql={sql ?? ""}
                onRun={(next) => void navigate({ search: { tab: "sql", sql: next }, replace: true })}
              />
            ),
          },
          { value: "runs", title: "Training runs", content: <RunList /> },
        ]}
      />
    </div>
  );
}

function TableList() {
  const query = useQuery(datasets);
  return (
    <>
      <AddTable />
      {query.error && (
        <Problem what="The tables could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the tables" />}
      {query.data && (
        <>
          <DataTable
            label="Tables"
            one="table"
            items={query.data}
            columns={columns}
            id={(table) => table.id}
            empty={
              <Empty title="No table yet." command="cairn data add FILE.csv --name NAME">
                Add a CSV or Parquet file above, or from a terminal:
              </Empty>
            }
          />
          <AsOf ms={query.dataUpdatedAt} />
        </>
      )}
    </>
  );
}

const columns: Col<Dataset>[] = [
  {
    title: "Name",
    value: (table) => table.name,
    show: (table) => (
      <Link to="/tables/$name" params={{ name: table.name }} className="row-name">
        {table.name}
      </Link>
    ),
  },
  { title: "Version", numeric: true, value: (table) => table.version },
  { title: "Rows", numeric: true, value: (table) => table.rows, show: (table) => count(table.rows) },
  { title: "Columns", numeric: true, value: (table) => table.columns.length },
  { title: "Size", numeric: true, value: (table) => table.bytes, show: (table) => bytes(table.bytes) },
  { title: "Added", value: (table) => table.created_at, show: (table) => <When seconds={table.created_at} /> },
  { title: "Actions", show: (table) => <DeleteTable name={table.name} small /> },
];
