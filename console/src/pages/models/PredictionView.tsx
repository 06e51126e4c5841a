import type { Prediction } from "../../api/types";
import { Share } from "../../components/parts";
import { figure, percent } from "../../lib/format";

interface PredictionViewProps {
  result: Prediction;
  model: string;
  version: number;
  target: string | null;
}

/** What the model predicts, with its probabilities, likeliest first. */
export function PredictionView({ result, model, version, target }: PredictionViewProps) {
  const { prediction, probabilities } = result;
  const ordered = Object.entries(probabilities ?? {}).sort(([, a], [, b]) => b - a);
  return (
    <section className="prediction" aria-live="polite">
      <p className="muted">
        {target ?? "Prediction"}, by {model} v{version}
      </p>
      <p className="prediction-value">{typeof prediction === "number" ? figure(prediction) : String(prediction)}</p>
      {ordered.map(([label, probability]) => (
        <Share key={label} label={label} fraction={probability} text={percent(probability, 1)} />
      ))}
    </section>
  );
}
