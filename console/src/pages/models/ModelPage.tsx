import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { request, segment } from "../../api/client";
import { model as modelQuery } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { Model, Tensor } from "../../api/types";
import { Confirm } from "../../components/Dialog";
import { Fact, Loading, PageHead, State } from "../../components/parts";
import { PageProblem } from "../../components/PageProblem";
import { counted } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import { KINDS } from "./ModelsPage";
import { PredictForm } from "./PredictForm";
import { Versions } from "./Versions";

const route = getRouteApi("/models/$name");

/** One model: its versions, what it takes and gives, and a row to try it on. */
export function ModelPage() {
  const { name } = route.useParams();
  const query = useQuery(modelQuery(name));
  const model = query.data;
  useTitle(name);
  if (query.error) {
    return (
      <PageProblem
        title={name}
        what={`The model “${name}” could not be read.`}
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/models">All models</Link>
      </PageProblem>
    );
  }
  if (!model) return <div className="page"><Loading what={`“${name}”`} /></div>;
  return (
    <div className="page">
      <PageHead title={model.name} above={<Link to="/models">Models</Link>}>
        {model.kind === "tabular" && <DeleteModel model={model} />}
      </PageHead>
      <dl className="facts">
        <Fact name="Kind">{KINDS[model.kind]}</Fact>
        <Fact name="Runtime">{model.runtime}</Fact>
        <Fact name="State">
          <State value={model.state} />
        </Fact>
        <Fact name="Deployed">{model.deployed_version === null ? "none" : `v${model.deployed_version}`}</Fact>
      </dl>
      {model.reason && <p className="notice">{model.reason}</p>}
      <Versions model={model} />
      {model.kind === "tabular" && model.deployed_version !== null && (
        <section>
          <h2>Predict one row</h2>
          <PredictForm model={model} version={model.deployed_version} />
        </section>
      )}
      {model.inputs.length + model.outputs.length > 0 && (
        <section>
          <h2>Inputs and outputs</h2>
          <div className="tensors">
            <Tensors title="Takes" tensors={model.inputs} />
            <Tensors title="Gives" tensors={model.outputs} />
          </div>
        </section>
      )}
    </div>
  );
}

function Tensors({ title, tensors }: { title: string; tensors: Tensor[] }) {
  return (
    <div>
      <h3>{title}</h3>
      <ul className="plain">
        {tensors.map((tensor) => (
          <li key={tensor.name}>
            <strong>{tensor.name}</strong>{" "}
            <span className="muted numeric">
              {tensor.datatype} [{tensor.shape.join(", ")}]
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function DeleteModel({ model }: { model: Model }) {
  const queries = useQueryClient();
  const navigate = route.useNavigate();
  const mayEdit = useMayEdit();
  const act = async () => {
    await request(`/cairn/v1/models/${segment(model.name)}`, { method: "DELETE" });
    await navigate({ to: "/models" });
    queries.removeQueries({ queryKey: ["models", model.name] });
    await queries.invalidateQueries({ queryKey: ["models"] });
  };
  if (!mayEdit) return null;
  return (
    <Confirm label="Delete" name={`Delete model ${model.name}`} title={`Delete the model “${model.name}”?`} act={act}>
      All {counted(model.versions.length, "version")} go; predictions with it fail from then on. This cannot be undone.
    </Confirm>
  );
}
