import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { provenance } from "../../api/provenance";
import type { Passage, PromptUsed, Provenance, ResponseObject } from "../../api/types";
import { Id } from "../../components/Copy";
import { Grid } from "../../components/Grid";
import { Fact, Loading, Share } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { TookSteps } from "../../components/ScoreSteps";
import { count, percent } from "../../lib/format";
import type { PassageTarget } from "../../lib/passage";
import { modelsUsed, PASSAGE_COLUMNS, promptPieces, retrievalFacts, samplingFacts } from "../../lib/provenance";
import { Replayed } from "./Replayed";

interface HowItCameProps {
  response: ResponseObject;
  /** What was found, for the names of the files. */
  passages: Passage[];
  onOpen: (target: PassageTarget) => void;
}

/** What an answer was made of and by: read when it is opened. */
export function HowItCame(props: HowItCameProps) {
  const [open, setOpen] = useState(false);
  return (
    <details className="found" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>How this answer came about</summary>
      {open && <Made {...props} />}
    </details>
  );
}

function Made({ response, passages, onOpen }: HowItCameProps) {
  const query = useQuery(provenance(response.id));
  if (query.error) {
    return (
      <Problem
        what="How this answer came about could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      />
    );
  }
  const made = query.data;
  if (!made) return <Loading what="how the answer came about" />;
  const names = new Map(passages.map(({ file_id, filename }) => [file_id, filename]));
  const name = (fileId: string) => names.get(fileId) ?? fileId;
  const took = response.cairn?.took;
  return (
    <div className="made">
      <Decision made={made} assent={response.cairn?.assent} />
      {made.retrieval && (
        <Part title="Search">
          <Facts facts={retrievalFacts(made.retrieval)}>
            <Fact name="Index position">{count(made.index_position)}</Fact>
            {made.retrieval.stores.map((store) => (
              <Fact key={store} name="Store">
                <Id value={store} what="store id" />
              </Fact>
            ))}
          </Facts>
          {made.retrieval.filter && <code className="made-filter">{JSON.stringify(made.retrieval.filter)}</code>}
          {took && <TookSteps took={took} />}
        </Part>
      )}
      {made.passages.length > 0 && (
        <Part title="Passages">
          <PassageGrid made={made} name={name} />
        </Part>
      )}
      <Part title="Models">
        <Facts facts={[["Program", made.program], ["Asked for", made.asked_model]]}>
          {modelsUsed(made).map(({ part, model }) => (
            <Fact key={part} name={part}>
              {model.name} <Id value={model.identity} what={`hash of ${model.name}`} />
            </Fact>
          ))}
        </Facts>
        {!made.language && <p className="muted">No model wrote: the words are the documents’ own, or nothing was answered.</p>}
      </Part>
      {made.sampling && (
        <Part title="Sampling">
          <Facts facts={samplingFacts(made.sampling)} />
        </Part>
      )}
      {made.prompt && <Prompt prompt={made.prompt} name={name} />}
      <Part title="Replay">
        <Replayed responseId={response.id} name={name} onOpen={onOpen} />
      </Part>
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Facts({ facts, children }: { facts: [string, string][]; children?: ReactNode }) {
  return (
    <dl className="facts">
      {facts.map(([name, text]) => (
        <Fact key={name} name={name}>
          {text}
        </Fact>
      ))}
      {children}
    </dl>
  );
}

/** How sure the answer was, and how sure it had to be. */
function Decision({ made: { decision }, assent }: { made: Provenance; assent: number | undefined }) {
  if (!decision) return null;
  const { confidence, threshold } = decision;
  return (
    <Part title="Decision">
      <Share label="Confidence" fraction={confidence} text={percent(confidence, 1)} />
      <Share label="Needed" fraction={threshold} text={percent(threshold, 1)} />
      {assent !== undefined && <Share label="Assent" fraction={assent} text={percent(assent, 1)} />}
      <p className="muted">
        {confidence >= threshold
          ? "The passages cover the question well enough to answer."
          : "The passages do not cover the question well enough to answer."}
      </p>
    </Part>
  );
}

/** Every passage that was found, with what each step made of it. */
function PassageGrid({ made, name }: { made: Provenance; name: (fileId: string) => string }) {
  // A step that no passage went through has no column.
  const steps = PASSAGE_COLUMNS.filter(([, value]) => made.passages.some((passage) => typeof value(passage) === "number"));
  const columns = [
    { name: "No.", numeric: true },
    { name: "Used as", numeric: true },
    { name: "Document", numeric: false },
    ...steps.map(([title]) => ({ name: title, numeric: true })),
    { name: "Characters", numeric: true },
    { name: "SHA-256 of the file", numeric: false },
  ];
  const rows = made.passages.map((passage, at) => [
    at + 1,
    passage.number === null ? "–" : `[${passage.number}]`,
    passage.erased ? `${name(passage.file_id)} (deleted since)` : name(passage.file_id),
    ...steps.map(([, value]) => value(passage)?.toFixed(3) ?? "–"),
    `${count(passage.char_start)}–${count(passage.char_end)}`,
    passage.file_sha256,
  ]);
  return <Grid label="Passages in figures" columns={columns} rows={rows} />;
}

/** The turns as the model got them; the words of documents stand out. */
function Prompt({ prompt, name }: { prompt: PromptUsed; name: (fileId: string) => string }) {
  const last = prompt.messages.length - 1;
  const files = new Map(prompt.sources.map(({ number, file_id }) => [number, name(file_id)]));
  return (
    <Part title="Prompt">
      <dl className="facts">
        <Fact name="SHA-256">
          <Id value={prompt.sha256} what="hash of the prompt" />
        </Fact>
        {prompt.template_sha256 && (
          <Fact name="SHA-256 of the program’s words">
            <Id value={prompt.template_sha256} what="hash of the prompt’s template" />
          </Fact>
        )}
      </dl>
      {prompt.messages.map(({ role, content }, at) => (
        <details key={at}>
          <summary>
            Turn {at + 1}: {role}
          </summary>
          <div className="prompt-text" role="region" aria-label={`Turn ${at + 1} of the prompt`} tabIndex={0}>
            {at === last
              ? promptPieces(prompt).map((piece, part) =>
                  piece.number === null ? (
                    <span key={part}>{piece.text}</span>
                  ) : (
                    <span key={part} className="prompt-source" title={files.get(piece.number)}>
                      {piece.text}
                    </span>
                  ),
                )
              : content}
          </div>
        </details>
      ))}
    </Part>
  );
}
