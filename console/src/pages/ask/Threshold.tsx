import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { storeRanking } from "../../api/queries";
import { keepRanking, setRanking } from "../../api/ranking";
import { useMayEdit } from "../../api/role";
import type { StoreRanking } from "../../api/types";
import { Field } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { percent } from "../../lib/format";
import { rankingChange, thresholdOrigin } from "../../lib/indexing";

/** How sure a store must be to answer: shown to all, set by editors. */
export function Threshold({ storeId }: { storeId: string }) {
  const query = useQuery(storeRanking(storeId));
  const mayEdit = useMayEdit();
  const held = query.data;
  if (query.error) {
    return (
      <Problem
        what="The confidence needed could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      />
    );
  }
  if (!held) return null;
  return (
    <details className="threshold">
      <summary>
        Answers from a confidence of {percent(held.threshold.value)}
        <span className="muted"> · {thresholdOrigin(held.threshold)}</span>
      </summary>
      {mayEdit ? (
        <ThresholdForm held={held} />
      ) : (
        <p className="muted">Below it the answer is that the documents do not say. Setting it needs an editor’s key.</p>
      )}
    </details>
  );
}

function ThresholdForm({ held }: { held: StoreRanking }) {
  const queries = useQueryClient();
  const [text, setText] = useState<string | null>(null);
  const change = text === null ? null : rankingChange(held, { threshold: text });
  const save = useMutation({
    mutationFn: (threshold: number) => setRanking(held.vector_store_id, { threshold }),
    onSuccess: (now) => {
      keepRanking(queries, now);
      setText(null);
    },
  });
  return (
    <>
      <form
        className="form inline"
        onSubmit={(event) => {
          event.preventDefault();
          if (change?.threshold !== undefined) save.mutate(change.threshold);
        }}
      >
        <Field
          label="Confidence needed to answer"
          hint="0 to 1. Below it the answer is that the documents do not say. Holds for everyone who asks this store."
        >
          <input
            className="input"
            type="number"
            min={0}
            max={1}
            step="any"
            required
            value={text ?? String(held.threshold.value)}
            onChange={(event) => setText(event.target.value)}
          />
        </Field>
        <button type="submit" className="button" disabled={save.isPending || change === null}>
          {save.isPending ? "Setting…" : "Set"}
        </button>
      </form>
      <p className="muted" role="status">
        {change !== null && held.threshold.quality && "Takes the place of what was learned."}
        {save.isSuccess && change === null && "Set: it holds from the next question on."}
      </p>
      {save.error && <Problem what="The confidence needed was not set." error={save.error} />}
    </>
  );
}
