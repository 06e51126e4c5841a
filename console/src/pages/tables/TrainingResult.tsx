import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { model as modelQuery } from "../../api/queries";
import type { TrainingResult } from "../../api/types";
import { Id } from "../../components/Copy";
import { Fact } from "../../components/parts";
import { DeployButton, OnnxButton } from "../models/actions";
import { bytes, count, figure } from "../../lib/format";
import { PredictForm } from "../models/PredictForm";
import { Leaderboard } from "./Leaderboard";

/** What a run made: test results first, then how they came about, then the model to use. */
export function TrainingResultView({ result }: { result: TrainingResult }) {
  const { data: model } = useQuery(modelQuery(result.model));
  const deployed = model?.deployed_version === result.version;
  return (
    <>
      <section>
        <div className="section-head">
          <h2>
            {result.model} v{result.version}
          </h2>
          <div className="row">
            {deployed ? <span className="state good">deployed</span> : <DeployButton name={result.model} version={result.version} />}
            <OnnxButton name={result.model} version={result.version} />
            <Link to="/models/$name" params={{ name: result.model }}>
              Model page
            </Link>
          </div>
        </div>
        <p className="muted">
          Measured on {count(result.test_rows)} rows that training never saw; trained on {count(result.train_rows)}.
        </p>
        <dl className="metrics">
          {metricsOf(result).map(([name, value]) => (
            <div key={name} className={name === result.metric ? "metric primary" : "metric"}>
              <dt>{name}</dt>
              <dd>{figure(value)}</dd>
            </div>
          ))}
        </dl>
        {result.notes.map((note) => (
          <p key={note} className="notice">
            {note}
          </p>
        ))}
      </section>
      <Leaderboard result={result} />
      <Features result={result} />
      <section>
        <h2>The ONNX file</h2>
        <dl className="facts">
          <Fact name="Size">{bytes(result.onnx.bytes)}</Fact>
          <Fact name="SHA-256">
            <Id value={result.onnx.sha256} what="SHA-256" />
          </Fact>
          <Fact name="Largest difference to the trainer’s own output">{figure(result.parity_max_abs_diff)}</Fact>
        </dl>
      </section>
      {model && (
        <section>
          <h2>Try a prediction</h2>
          <PredictForm model={model} version={result.version} />
        </section>
      )}
    </>
  );
}

/** The primary metric first. */
function metricsOf(result: TrainingResult): [string, number | null][] {
  const first = (name: string) => (name === result.metric ? 0 : 1);
  return Object.entries(result.test_metrics).sort(([a], [b]) => first(a) - first(b));
}

function Features({ result }: { result: TrainingResult }) {
  const used = result.features.filter((feature) => feature.kind !== "dropped");
  const dropped = result.features.filter((feature) => feature.kind === "dropped");
  return (
    <section>
      <h2>Columns used</h2>
      <ul className="chips">
        {used.map((feature) => (
          <li key={feature.name}>
            {feature.name} <span className="muted">{feature.kind}</span>
          </li>
        ))}
      </ul>
      {dropped.length > 0 && (
        <>
          <h3>Left out</h3>
          <ul className="plain">
            {dropped.map((feature) => (
              <li key={feature.name}>
                <strong>{feature.name}</strong> <span className="muted">{feature.reason ?? "no reason given"}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
