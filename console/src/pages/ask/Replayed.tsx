import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { replay } from "../../api/provenance";
import type { Replay, ReplayAnswer, ReplayPassage } from "../../api/types";
import { Problem } from "../../components/Problem";
import { count } from "../../lib/format";
import { placeTarget, type PassageTarget } from "../../lib/passage";
import { changeWords, fateWords, replayWords } from "../../lib/provenance";

interface ReplayedProps {
  responseId: string;
  name: (fileId: string) => string;
  onOpen: (target: PassageTarget) => void;
}

/** Runs an answer's search again, and shows what is the same, moved, gone and new. */
export function Replayed({ responseId, name, onOpen }: ReplayedProps) {
  const [again, setAgain] = useState(false);
  const run = useMutation({ mutationFn: () => replay(responseId, again) });
  return (
    <>
      <div className="row">
        <button type="button" className="button" disabled={run.isPending} onClick={() => run.mutate()}>
          {run.isPending ? "Replaying…" : "Replay"}
        </button>
        <label className="check">
          <input type="checkbox" checked={again} onChange={(event) => setAgain(event.target.checked)} />
          Write the answer again too
        </label>
      </div>
      <p role="status">{run.data && !run.isPending ? replayWords(run.data) : ""}</p>
      {run.error && <Problem what="The answer was not replayed." error={run.error} />}
      {run.data && !run.isPending && <Outcome replayed={run.data} name={name} onOpen={onOpen} />}
    </>
  );
}

interface OutcomeProps extends Pick<ReplayedProps, "name" | "onOpen"> {
  replayed: Replay;
}

function Outcome({ replayed, name, onOpen }: OutcomeProps) {
  const changes = changeWords(replayed);
  return (
    <>
      {changes.length > 0 && (
        <ul className="plain">
          {changes.map((change) => (
            <li key={change}>{change}</li>
          ))}
        </ul>
      )}
      <ol className="replayed" aria-label="Passages then and now">
        {replayed.passages.map((passage, at) => (
          <Fate key={at} passage={passage} name={name} onOpen={onOpen} />
        ))}
      </ol>
      {replayed.answer && <Answers answer={replayed.answer} />}
    </>
  );
}

function Fate({ passage, name, onOpen }: { passage: ReplayPassage } & Omit<OutcomeProps, "replayed">) {
  const { state, file_id, char_start, char_end } = passage;
  const filename = passage.filename ?? name(file_id);
  const title = `${filename}, characters ${count(char_start)}–${count(char_end)}`;
  return (
    <li>
      <span className={`fate ${state}`}>{state}</span>
      <span>
        {state === "gone" ? (
          title
        ) : (
          <button
            type="button"
            className="link-button"
            onClick={() => onOpen(placeTarget(file_id, filename, char_start, char_end))}
          >
            {title}
          </button>
        )}
        <span className="muted numeric">
          {fateWords(passage)}
          {passage.replaced_by && ` (${passage.replaced_by})`}
        </span>
      </span>
    </li>
  );
}

function Answers({ answer: { then, now, equal, refused } }: { answer: ReplayAnswer }) {
  if (equal) return <p>The answer is the same, word for word.</p>;
  return (
    <>
      <p>{refused ? "It would not be answered now." : "The answer is another one now."}</p>
      <dl className="then-now">
        <div>
          <dt>Then</dt>
          <dd>{then}</dd>
        </div>
        <div>
          <dt>Now</dt>
          <dd>{now}</dd>
        </div>
      </dl>
    </>
  );
}
