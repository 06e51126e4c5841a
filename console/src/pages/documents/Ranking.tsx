import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { storeRanking } from "../../api/queries";
import { keepRanking, resetRanking, setRanking } from "../../api/ranking";
import { useMayEdit } from "../../api/role";
import type { SetRanking, StoreRanking, ThresholdQuality } from "../../api/types";
import { Confirm } from "../../components/Dialog";
import { Fact, Field, Loading, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { counted, figure, percent } from "../../lib/format";
import { rankingChange, rankingOrigin, thresholdOrigin, type Edits, type Setting } from "../../lib/indexing";

/** How a store puts hits in order, and how sure it must be to answer. */
export function Ranking({ storeId }: { storeId: string }) {
  const query = useQuery(storeRanking(storeId));
  const held = query.data;
  return (
    <section>
      <h2>Ranking</h2>
      {query.error && (
        <Problem what="The ranking could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the ranking" />}
      {held && (
        <>
          <dl className="facts">
            <Fact name="Shares">
              {rankingOrigin(held)}
              <Since seconds={held.learned_at} />
            </Fact>
            <Fact name="Confidence needed">
              {thresholdOrigin(held.threshold)}
              <Since seconds={held.threshold.set_at} />
            </Fact>
          </dl>
          <RankingForm held={held} />
          <Quality held={held} />
          {held.threshold.quality && <RefusalQuality quality={held.threshold.quality} />}
        </>
      )}
    </section>
  );
}

function Since({ seconds }: { seconds: number | null }) {
  if (seconds === null) return null;
  return (
    <span className="muted">
      {" · "}
      <When seconds={seconds} />
    </span>
  );
}

const FIELDS: { name: Setting; label: string; hint: string }[] = [
  {
    name: "dense_weight",
    label: "Share of meaning",
    hint: "The rest is the share of words: 0 looks at words alone, 1 at meaning alone.",
  },
  { name: "spread", label: "Share of neighbours", hint: "How much of a score is that of the passages most like it." },
  { name: "late", label: "Share of the reranker", hint: "0 asks none. Any other makes searches slower." },
  { name: "threshold", label: "Confidence needed to answer", hint: "Below it the answer is that the documents do not say." },
];

function RankingForm({ held }: { held: StoreRanking }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const [edits, setEdits] = useState<Edits>({});
  const change = rankingChange(held, edits);
  const save = useMutation({
    mutationFn: (body: SetRanking) => setRanking(held.vector_store_id, body),
    onSuccess: (now) => {
      keepRanking(queries, now);
      setEdits({});
    },
  });
  const reset = async () => {
    keepRanking(queries, await resetRanking(held.vector_store_id));
    setEdits({});
    save.reset();
  };
  const learned = (change?.ranking && held.quality) || (change?.threshold !== undefined && held.threshold.quality);
  return (
    <>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (change) save.mutate(change);
        }}
      >
        {FIELDS.map(({ name, label, hint }) => (
          <Field key={name} label={label} hint={`0 to 1. ${hint}`}>
            <input
              className="input"
              type="number"
              min={0}
              max={1}
              step="any"
              required
              readOnly={!mayEdit}
              value={edits[name] ?? String(name === "threshold" ? held.threshold.value : held.ranking[name])}
              onChange={(event) => setEdits((now) => ({ ...now, [name]: event.target.value }))}
            />
          </Field>
        ))}
        {mayEdit && (
          <div className="row">
            <button type="submit" className="button primary" disabled={save.isPending || change === null}>
              {save.isPending ? "Saving…" : "Save"}
            </button>
            <Confirm label="Reset" name="Reset the ranking" title="Reset the ranking of this store?" act={reset}>
              The shares and the confidence needed are the program’s own again. What was learned for this store is gone.
            </Confirm>
            <span className="muted" role="status">
              {learned && "Takes the place of what was learned."}
              {save.isSuccess && change === null && "Saved: searches and answers use it from now on."}
            </span>
          </div>
        )}
      </form>
      {save.error && <Problem what="The ranking was not saved." error={save.error} />}
    </>
  );
}

/** The alternatives to a ranking, on the questions that it was chosen by. */
function Quality({ held: { quality, choice, queries } }: { held: StoreRanking }) {
  if (!quality) return null;
  const alternatives = [
    ["learned", "Learned"],
    ["default", "The program’s own"],
    ["dense", "Meaning alone"],
    ["words", "Words alone"],
  ] as const;
  return (
    <>
      <h3>How the shares compare</h3>
      <p className="muted">
        Mean nDCG@10 over {counted(queries, "judged question")}; learned shares are measured on questions that they were
        not learned from.
      </p>
      <dl className="metrics">
        {alternatives.map(([name, title]) => (
          <div key={name} className={name === choice ? "metric primary" : "metric"}>
            <dt>{title}</dt>
            <dd>{figure(quality[name])}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** A learned threshold beside the program's own. */
function RefusalQuality({ quality }: { quality: ThresholdQuality }) {
  const figures = [
    ["Learned", figure(quality.learned)],
    ["The program’s own", figure(quality.default)],
    ["Difference, 95 %", `${figure(quality.low)} to ${figure(quality.high)}`],
    ["Wrongly refused, learned", percent(quality.refused, 1)],
    ["Wrongly refused, own", percent(quality.refused_by_default, 1)],
  ] as const;
  return (
    <>
      <h3>How the confidence compares</h3>
      <p className="muted">
        Refusal F1 on {counted(quality.answerable, "question")} that the documents answer and{" "}
        {counted(quality.unanswerable, "question")} that they do not, none of which it was learned from.
      </p>
      <dl className="metrics">
        {figures.map(([title, text]) => (
          <div key={title} className="metric">
            <dt>{title}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
