import type { Passage, SearchTook } from "../api/types";
import { scoreSteps, tookSteps } from "../lib/explain";
import { duration } from "../lib/format";

/** How a passage came to its score: a bar and a number for each step. */
export function ScoreSteps({ passage }: { passage: Passage }) {
  const steps = scoreSteps(passage);
  if (steps.length === 0) return null;
  return (
    <dl className="score-steps">
      {steps.map(({ name, title, value, note }) => (
        <Cell key={name} title={title} text={value.toFixed(3)} share={value} note={note} strong={name === "score"} />
      ))}
    </dl>
  );
}

/** Where the time of a search went. */
export function TookSteps({ took }: { took: SearchTook }) {
  return (
    <dl className="score-steps">
      {tookSteps(took).map(({ name, title, ms, share }) => (
        <Cell key={name} title={title} text={duration(ms)} share={share} />
      ))}
      <Cell title="In all" text={duration(took.total_ms)} strong />
    </dl>
  );
}

interface CellProps {
  title: string;
  text: string;
  /** The length of its bar, 0 to 1; no bar where it is absent. */
  share?: number;
  note?: string;
  strong?: boolean;
}

function Cell({ title, text, share, note, strong }: CellProps) {
  return (
    <div className={strong ? "score-step strong" : "score-step"}>
      <dt>{title}</dt>
      <dd>
        <span className="numeric">{text}</span>
        {share !== undefined && (
          <span className="share-bar" aria-hidden="true">
            <span style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
          </span>
        )}
        {note && <span className="score-note">{note}</span>}
      </dd>
    </div>
  );
}
