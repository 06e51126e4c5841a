import { useMemo } from "react";
import type { Exchange } from "../../api/answers";
import { stop } from "../../api/asking";
import { Problem } from "../../components/Problem";
import { sentence } from "../../lib/format";
import { layout, sources } from "../../lib/citations";
import type { PassageTarget } from "../../lib/passage";
import { AnswerText } from "./AnswerText";
import { AnswerFacts, Found, Nearest, Sources } from "./AnswerParts";
import { Steps } from "./Steps";

interface AnswerViewProps {
  exchange: Exchange;
  opened: PassageTarget | null;
  onOpen: (target: PassageTarget) => void;
}

/** One question with its answer, its sources, and what is to be said of them. */
export function AnswerView({ exchange, opened, onOpen }: AnswerViewProps) {
  const { state, text, annotations, response, problem } = exchange;
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
          {text !== "" && <p>{text}</p>}
          <p className="muted">{sentence(response?.cairn?.reason ?? "The documents do not answer this.")}</p>
        </div>
      )}
      {text !== "" && !refused && (
        <AnswerText pieces={pieces} opened={opened} onOpen={onOpen} writing={state === "running"} />
      )}
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
      {!refused && <Found exchange={exchange} onOpen={onOpen} />}
      {response && <AnswerFacts exchange={exchange} response={response} />}
    </article>
  );
}

/** Said aloud once per change, not per word. */
function announcement(exchange: Exchange): string {
  switch (exchange.state) {
    case "running":
      if (exchange.steps.writing) return "Writing the answer";
      return exchange.steps.reading ? "Reading the passages found" : "Searching the documents";
    case "done":
      return exchange.response?.cairn?.refused ? "Not answered" : `Answer complete. ${exchange.text}`;
    default:
      return exchange.state === "stopped" ? "Stopped" : "Failed";
  }
}
