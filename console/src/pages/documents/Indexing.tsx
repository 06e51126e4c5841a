import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { request, segment } from "../../api/client";
import { storeReindex } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { Reindex, ReindexRun, VectorStore } from "../../api/types";
import { Fact, Loading, Progress, Until, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { count } from "../../lib/format";
import {
  chunkingWords,
  languageWords,
  modelWords,
  reindexLeft,
  reindexProgress,
  reportWords,
} from "../../lib/indexing";
import { ReindexForm } from "./ReindexForm";

/** What a store's index is made by, and its re-index. */
export function Indexing({ store }: { store: VectorStore }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const query = useQuery(storeReindex(store.id));
  const held = query.data;
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that starts or cancels goes with its act: the focus stays in this section.
  const focus = () => heading.current?.focus();

  // A new index changes the store's figures and what a search finds.
  const generation = held?.active.generation;
  useEffect(() => {
    if (generation === undefined) return;
    void queries.invalidateQueries({ queryKey: ["stores"] });
    void queries.invalidateQueries({ queryKey: ["store", store.id], exact: true });
    void queries.invalidateQueries({ queryKey: ["store", store.id, "search"] });
  }, [generation, queries, store.id]);

  return (
    <section>
      <h2 ref={heading} tabIndex={-1}>
        Index
      </h2>
      {query.error && (
        <Problem what="The index could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the index" />}
      {held && (
        <>
          <p className="hidden" role="status">
            {held.status === "in_progress" ? "The store is being re-indexed" : `Generation ${generation} answers`}
          </p>
          <dl className="facts">
            <Fact name="Generation">{count(held.active.generation)}</Fact>
            <Fact name="Cut">{chunkingWords(held.active.chunking)}</Fact>
            <Fact name="Embedding model">{modelWords(held.active)}</Fact>
            <Fact name="Language">{languageWords(held.active, store.cairn?.language)}</Fact>
          </dl>
          {held.run && <Run storeId={store.id} status={held.status} run={held.run} then={focus} />}
          {mayEdit && held.status !== "in_progress" && (
            <ReindexForm storeId={store.id} active={held.active} then={focus} />
          )}
        </>
      )}
    </section>
  );
}

interface RunningProps {
  storeId: string;
  run: ReindexRun;
  /** Called when it is cancelled. */
  then: () => void;
}

/** The newest re-index: under way, or what came of it. */
function Run({ status, run, ...rest }: RunningProps & { status: Reindex["status"] }) {
  if (status === "in_progress") return <Running run={run} {...rest} />;
  if (status === "failed") {
    return (
      <Problem
        what="The last re-index failed; the store answers as before."
        error={{ message: run.error ?? "The server gives no reason." }}
      />
    );
  }
  if (status === "cancelled") {
    return <p className="notice">The last re-index was cancelled; the store answers as before.</p>;
  }
  return (
    <p className="muted">
      Re-indexed <When seconds={run.finished_at ?? run.created_at} />
      {run.report && <>: {reportWords(run.report)}</>}
    </p>
  );
}

function Running({ storeId, run, then }: RunningProps) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const { queryKey } = storeReindex(storeId);
  const cancel = useMutation({
    mutationFn: () =>
      request<Reindex>(`/cairn/v1/vector_stores/${segment(storeId)}/reindex`, { method: "DELETE" }),
    onSuccess: (now) => {
      queries.setQueryData(queryKey, now);
      then();
    },
  });
  const { generation } = run;
  return (
    <section>
      <Progress fraction={run.fraction} label={reindexProgress(run)} detail={reindexLeft(run)} />
      {run.waiting && (
        <p className="notice">
          It is put off: {run.waiting}
          {run.retry_at !== null && (
            <>
              . Next try: <Until seconds={run.retry_at} />
            </>
          )}
        </p>
      )}
      <p className="muted">
        Generation {count(generation.generation)} will be: {chunkingWords(generation.chunking)};{" "}
        {modelWords(generation)}; {languageWords(generation)}.
      </p>
      <div className="row">
        {mayEdit && (
          <button
            type="button"
            className="button"
            aria-label="Cancel the re-index"
            disabled={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            {cancel.isPending ? "Cancelling…" : "Cancel"}
          </button>
        )}
        <span className="muted">It goes on when you leave this page. Until it is done the store answers as before.</span>
      </div>
      {cancel.error && <Problem what="The re-index was not cancelled." error={cancel.error} />}
    </section>
  );
}
