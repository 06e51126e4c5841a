import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { models } from "../../api/queries";
import type { Model } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Loading, PageHead, State } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { useTitle } from "../../lib/hooks";

/** Every model the server knows, whatever engine runs it. */
export function ModelsPage() {
  useTitle("Models");
  const query = useQuery(models);
  return (
    <div className="page">
      <PageHead title="Models" />
      {query.error && (
        <Problem what="The models could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the models" />}
      {query.data && (
        <>
          <DataTable
            label="Models"
            one="model"
            items={query.data}
            columns={columns}
            id={(model) => model.name}
            empty={
              <Empty title="No model yet." command="cairn train TABLE --target COLUMN">
                Train one from a <Link to="/tables">table</Link>, or from a terminal:
              </Empty>
            }
          />
          <AsOf ms={query.dataUpdatedAt} />
        </>
      )}
    </div>
  );
}

export const KINDS: Record<Model["kind"], string> = {
  tabular: "tabular",
  llm: "language",
  embedding: "embedding",
};

const columns: Col<Model>[] = [
  {
    title: "Name",
    value: (model) => model.name,
    show: (model) => (
      <Link to="/models/$name" params={{ name: model.name }} className="row-name">
        {model.name}
      </Link>
    ),
  },
  { title: "Kind", value: (model) => KINDS[model.kind] },
  { title: "Runtime", value: (model) => model.runtime },
  {
    title: "State",
    value: (model) => model.state,
    show: (model) => (
      <>
        <State value={model.state} />
        {model.reason && <p className="muted reason">{model.reason}</p>}
      </>
    ),
  },
  {
    title: "Deployed",
    numeric: true,
    value: (model) => model.deployed_version,
    show: (model) => (model.deployed_version === null ? <span className="muted">none</span> : `v${model.deployed_version}`),
  },
  { title: "Versions", numeric: true, value: (model) => model.versions.length },
];
