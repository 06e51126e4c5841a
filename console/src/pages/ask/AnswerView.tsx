import { useMemo } from "react";
import type { Exchange } from "../../api/answers";
import { stop } from "../../api/asking";
import type { AnswerDetail } from "../../api/types";
import { Problem } from "../../components/Problem";
import { counted, percent, sentence } from "../../lib/format";
import { layout, sources } from "../../lib/citations";
import type { PassageTarget } from "../../lib/passage";
import { AnswerText } from "./AnswerText";
import { AnswerFacts, Found, Nearest, Sources } from "./AnswerParts";
import { Guarded } from "./Guarded";
import { HowItCame } from "./HowItCame";
import { Steps } from "./Steps";

interface AnswerViewProps {
  exchange: Exchange;
  opened: PassageTarget | null;
  onOpen: (target: PassageTarget) => void;
}

/** One question with its answer, its sources, and what is to be said of them. */
export function AnswerView({ exchange, opened, onOpen }: AnswerViewProps) {
  const { state, text, refusal, annotations, response, problem } = exchange;
  const refused = response?.cairn?.refused ?? false;
  const pieces = useMemo(
    () => layout(text, annotations, refused ? [] : (response?.cairn?.unsupported ?? [])),
    [text, annotations, response, refused],
  );
  const numbered = useMemo(() => sources(annotations), [annotations]);
  const doubtful = pieces.some((piece) => piece.kind === "text" && piece.standing !== "plain");
  return (
    <article className="answer" aria-label={`Answer to: ${exchange.question}`}>
      <h2 className="answer-question">{exchange.question}</h2>
      {exchange.follows && <p className="muted">Goes on from “{exchange.follows}”</p>}
      <div className="answer-bar">
        <Steps exchange={exchange} />
        {state === "running" && (
          <button type="button" className="button" onClick={() => stop(exchange.id)}>
            Stop
          </button>
        )}
      </div>
      <p className="hidden" role="status">
        {announcement(exchange)}
      </p>
      {refused && (
        <div className="refused">
          <p className="refused-title">Not answered</p>
          {(text || refusal) && <p>{text || refusal}</p>}
          <p className="muted">{sentence(response?.cairn?.reason ?? "The documents do not answer this.")}</p>
          <TooUnsure detail={response?.cairn} />
        </div>
      )}
      {text !== "" && !refused && (
        <AnswerText pieces={pieces} opened={opened} onOpen={onOpen} writing={state === "running"} />
      )}
      {!refused && refusal !== undefined && <Declined words={refusal} />}
      <LeftOut turns={response?.cairn?.turns_left_out ?? 0} />
      <Guarded detail={response?.cairn} passages={exchange.passages} />
      {state === "stopped" && <p className="notice">Stopped. What was written until then was not checked.</p>}
      {response?.status === "incomplete" && (
        <p className="notice">
          The answer was cut off{response.incomplete_details?.reason && ` (${response.incomplete_details.reason})`}.
        </p>
      )}
      {problem && <Problem what="The question was not answered." error={problem} />}
      {doubtful && (
        <p className="legend">
          <span className="doubt">Underlined words</span> are not supported by any passage found: check them before
          you rely on them.
        </p>
      )}
      <Sources sources={numbered} opened={opened} onOpen={onOpen} />
      {refused && <Nearest passages={response?.cairn?.nearest ?? exchange.passages} onOpen={onOpen} />}
      <Found exchange={exchange} onOpen={onOpen} />
      {response && <HowItCame response={response} passages={exchange.passages} onOpen={onOpen} />}
      {response && <AnswerFacts exchange={exchange} response={response} />}
    </article>
  );
}

/** What is said in place of an answer, or of the rest of one. */
function Declined({ words }: { words: string }) {
  return (
    <div className="refused">
      <p className="refused-title">Not answered</p>
      {words !== "" && <p>{words}</p>}
    </div>
  );
}

/** How far a question stayed below the confidence that the store needs, if that is why. */
function TooUnsure({ detail }: { detail: AnswerDetail | undefined }) {
  const { confidence, threshold } = detail ?? {};
  if (confidence === undefined || threshold === undefined || confidence >= threshold) return null;
  return (
    <p className="muted">
      Confidence {percent(confidence, 1)}; {percent(threshold, 1)} is needed to answer.
    </p>
  );
}

/** What of a conversation the model did not see. */
function LeftOut({ turns }: { turns: number }) {
  if (turns === 0) return null;
  return (
    <p className="notice">
      The model had no room for the first {turns === 1 ? "turn" : counted(turns, "turn")} of this conversation and
      answered without {turns === 1 ? "it" : "them"}.
    </p>
  );
}

/** Said aloud once per change, not per word. */
function announcement(exchange: Exchange): string {
  switch (exchange.state) {
    case "running":
      if (exchange.steps.writing) return "Writing the answer";
      return exchange.steps.reading ? "Reading the passages found" : "Searching the documents";
    case "done":
      if (exchange.response?.cairn?.refused) return "Not answered";
      if (exchange.refusal !== undefined) return `Not answered. ${exchange.refusal}`;
      return `Answer complete. ${exchange.text}`;
    default:
      return exchange.state === "stopped" ? "Stopped" : "Failed";
  }
}
