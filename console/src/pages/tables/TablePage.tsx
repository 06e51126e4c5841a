import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { dataset } from "../../api/queries";
import { Id } from "../../components/Copy";
import { Fact, Loading, PageHead, When } from "../../components/parts";
import { PageProblem } from "../../components/PageProblem";
import { Tabs } from "../../components/Tabs";
import { bytes, count, sqlName } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import { ColumnProfiles } from "./ColumnProfiles";
import { DeleteTable } from "./DeleteTable";
import { RowPreview } from "./RowPreview";
import { TrainForm } from "./TrainForm";

const route = getRouteApi("/tables/$name");

/** One table: what is in its columns, its rows, and a model trained from it. */
export function TablePage() {
  const { name } = route.useParams();
  const { tab = "columns" } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(dataset(name));
  useTitle(name);
  const table = query.data;

  if (query.error) {
    return (
      <PageProblem
        title={name}
        what={`The table “${name}” could not be read.`}
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/tables">All tables</Link>
      </PageProblem>
    );
  }
  if (!table) return <div className="page"><Loading what={`“${name}”`} /></div>;
  return (
    <div className="page">
      <PageHead title={table.name} above={<Link to="/tables">Tables</Link>}>
        <Link
          to="/tables"
          search={{ tab: "sql", sql: `SELECT * FROM ${sqlName(table.name)} LIMIT 100` }}
          className="button"
        >
          Query in SQL
        </Link>
        <DeleteTable name={table.name} then={() => void navigate({ to: "/tables" })} />
      </PageHead>
      <dl className="facts">
        <Fact name="Version">{table.version}</Fact>
        <Fact name="Rows">{count(table.rows)}</Fact>
        <Fact name="Columns">{count(table.columns.length)}</Fact>
        <Fact name="Size">{bytes(table.bytes)}</Fact>
        <Fact name="Added">
          <When seconds={table.created_at} />
        </Fact>
        {table.source && <Fact name="From">{table.source}</Fact>}
        <Fact name="SHA-256">
          <Id value={table.sha256} what="SHA-256" />
        </Fact>
      </dl>
      {table.notes?.map((note) => (
        <p key={note} className="notice">
          {note}
        </p>
      ))}
      <Tabs
        label={`Table ${table.name}`}
        value={tab}
        onChange={(next) => void navigate({ search: { tab: next }, replace: true })}
        tabs={[
          { value: "columns", title: "Columns", content: <ColumnProfiles table={table} /> },
          { value: "rows", title: "Rows", content: <RowPreview table={table} /> },
          { value: "train", title: "Train a model", content: <TrainForm table={table} /> },
        ]}
      />
    </div>
  );
}
