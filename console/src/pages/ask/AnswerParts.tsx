import type { Exchange } from "../../api/answers";
import type { AnswerPassage, Passage, ResponseObject } from "../../api/types";
import { Copy, Id } from "../../components/Copy";
import { Fact } from "../../components/parts";
import { ScoreSteps } from "../../components/ScoreSteps";
import type { Source } from "../../lib/citations";
import { count, counted, duration, figure, percent } from "../../lib/format";
import { passageTarget, passageText, place, type PassageTarget } from "../../lib/passage";
import { citationTarget, sameTarget } from "./AnswerText";

type Open = (target: PassageTarget) => void;

/** The passages the answer cites, by number. */
export function Sources({ sources, opened, onOpen }: { sources: Source[]; opened: PassageTarget | null; onOpen: Open }) {
  if (sources.length === 0) return null;
  return (
    <section className="sources">
      <h3>Sources</h3>
      <ol>
        {sources.map(({ number, annotations }) => {
          const [annotation] = annotations;
          if (!annotation) return null;
          const target = citationTarget(annotation);
          const support = Math.max(...annotations.map(({ cairn }) => cairn?.support ?? Number.NaN));
          return (
            <li key={number}>
              <button
                type="button"
                className="source"
                aria-pressed={sameTarget(opened, target)}
                onClick={() => onOpen(target)}
              >
                <span className="source-number">{number}</span>
                <span className="source-body">
                  <span className="source-name">
                    {annotation.filename}
                    <span className="muted">{place(target.page, target.heading)}</span>
                  </span>
                  {target.quote && <q>{target.quote}</q>}
                </span>
                {!Number.isNaN(support) && (
                  <span className="muted numeric" title="How well the passage supports the sentence that cites it">
                    {percent(support)}
                  </span>
                )}
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** What came nearest to a question that was not answered. */
export function Nearest({ passages, onOpen }: { passages: Passage[]; onOpen: Open }) {
  if (passages.length === 0) return <p className="muted">No passage came near to the question.</p>;
  return (
    <section className="sources">
      <h3>Nearest passages</h3>
      <Passages passages={passages} onOpen={onOpen} />
    </section>
  );
}

/** All that the search found, also what the answer did not use. */
export function Found({ exchange, onOpen }: { exchange: Exchange; onOpen: Open }) {
  if (exchange.passages.length === 0) return null;
  return (
    <details className="found">
      <summary>
        {counted(exchange.passages.length, "passage")} read
        {exchange.queries.length > 0 && <span className="muted"> for “{exchange.queries.join("”, “")}”</span>}
      </summary>
      <Passages passages={exchange.passages} used={exchange.response?.cairn?.passages} onOpen={onOpen} />
    </details>
  );
}

interface PassagesProps {
  passages: Passage[];
  /** Those that the answer was made from, in the order of their numbers, where that is known. */
  used?: AnswerPassage[];
  onOpen: Open;
}

function Passages({ passages, used = [], onOpen }: PassagesProps) {
  return (
    <ol>
      {passages.map((passage, at) => {
        const target = passageTarget(passage);
        const number = used.findIndex(({ chunk_id }) => chunk_id === passage.cairn?.chunk_id);
        const marks = [
          number < 0 ? "" : `used as no. ${number + 1}`,
          used[number]?.suspicious ? "suspicious" : "",
        ].filter((mark) => mark !== "");
        return (
          <li key={at} className="hit">
            <button type="button" className="source" onClick={() => onOpen(target)}>
              <span className="source-body">
                <span className="source-name">
                  {passage.filename}
                  <span className="muted">{[place(target.page, target.heading), ...marks].filter(Boolean).join(" · ")}</span>
                </span>
                <span className="source-text">{passageText(passage)}</span>
              </span>
              {typeof passage.score === "number" && (
                <span className="muted numeric" title="Search score">
                  {figure(passage.score)}
                </span>
              )}
            </button>
            <ScoreSteps passage={passage} />
          </li>
        );
      })}
    </ol>
  );
}

/** What the answer can be held to: how it was made, by what, how long it took. */
export function AnswerFacts({ exchange, response }: { exchange: Exchange; response: ResponseObject }) {
  const detail = response.cairn;
  return (
    <footer className="answer-facts">
      <dl className="facts">
        {detail && <Fact name="Answer">{detail.mode}</Fact>}
        {detail?.confidence !== undefined && (
          <Fact name="Confidence">
            <span title="How well the passages cover the question">{percent(detail.confidence)}</span>
            {detail.threshold !== undefined && (
              <span className="muted"> · {percent(detail.threshold)} needed</span>
            )}
          </Fact>
        )}
        {detail?.assent !== undefined && (
          <Fact name="Assent">
            <span title="How likely the model finds the answer in what it was shown">{percent(detail.assent)}</span>
          </Fact>
        )}
        <Fact name="Model">{response.model}</Fact>
        {detail?.model_sha256 && (
          <Fact name="Model hash">
            <Id value={detail.model_sha256} what="model hash" />
          </Fact>
        )}
        {detail && (
          <>
            <Fact name="Search">{duration(detail.milliseconds.search)}</Fact>
            <Fact name="Generate">{duration(detail.milliseconds.generate)}</Fact>
            <Fact name="Total">{duration(detail.milliseconds.total)}</Fact>
            <Fact name="Index position">{count(detail.index_position)}</Fact>
          </>
        )}
        <Fact name="Response">
          <Id value={response.id} what="response id" />
        </Fact>
      </dl>
      {exchange.text !== "" && <Copy text={withSources(exchange)} what="answer with sources" words />}
    </footer>
  );
}

function withSources(exchange: Exchange): string {
  const lines = exchange.annotations.map(({ filename, cairn }) => {
    const where = place(cairn?.page, cairn?.heading);
    return `– ${filename}${where && `, ${where}`}${cairn ? `: “${cairn.quote}”` : ""}`;
  });
  return [exchange.question, "", exchange.text, "", ...new Set(lines)].join("\n").trim() + "\n";
}
