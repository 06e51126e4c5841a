import { Link } from "@tanstack/react-router";
import type { Model, ModelVersion } from "../../api/types";
import { Id } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { Empty, When } from "../../components/parts";
import { figure } from "../../lib/format";
import { DeployButton, OnnxButton } from "./actions";

/** A model's versions, newest first. */
export function Versions({ model }: { model: Model }) {
  const items = [...model.versions].sort((a, b) => b.version - a.version);
  return (
    <section>
      <h2>Versions</h2>
      <DataTable
        label="Versions"
        one="version"
        items={items}
        columns={columns(model)}
        id={(item) => String(item.version)}
        empty={<Empty title="This model has no versions." />}
      />
    </section>
  );
}

function columns(model: Model): Col<ModelVersion>[] {
  const tabular = model.kind === "tabular";
  const all: (Col<ModelVersion> | false)[] = [
    {
      title: "Version",
      value: (item) => item.version,
      show: (item) => (
        <>
          <strong>v{item.version}</strong>{" "}
          {item.version === model.deployed_version && <span className="state good">deployed</span>}
        </>
      ),
    },
    tabular && { title: "Predicts", value: (item) => item.target ?? "" },
    tabular && {
      title: "Test results",
      value: (item) => Object.values(item.metrics ?? {})[0] ?? null,
      show: (item) => (
        <span className="numeric">
          {Object.entries(item.metrics ?? {})
            .slice(0, 3)
            .map(([name, value]) => `${name} ${figure(value)}`)
            .join(", ") || "–"}
        </span>
      ),
    },
    tabular && {
      title: "Trained on",
      value: (item) => item.dataset ?? "",
      show: (item) => <Origin item={item} />,
    },
    { title: "SHA-256", value: (item) => item.sha256, show: (item) => <Id value={item.sha256} what="SHA-256" /> },
    { title: "Made", value: (item) => item.created_at, show: (item) => <When seconds={item.created_at} /> },
    tabular && {
      title: "Actions",
      show: (item) => (
        <span className="row tight">
          {item.version !== model.deployed_version && <DeployButton name={model.name} version={item.version} />}
          <OnnxButton name={model.name} version={item.version} />
        </span>
      ),
    },
  ];
  return all.filter((column) => column !== false);
}

function Origin({ item }: { item: ModelVersion }) {
  const words = item.dataset ? `${item.dataset} v${item.dataset_version ?? "?"}` : "–";
  if (item.training_run === null) return words;
  return (
    <Link to="/tables/runs/$runId" params={{ runId: item.training_run }}>
      {words}
    </Link>
  );
}
