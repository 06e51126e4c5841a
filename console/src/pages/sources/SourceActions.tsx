import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { request, segment } from "../../api/client";
import { source as sourceQuery } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { Source } from "../../api/types";
import { Confirm } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { RemoveSource } from "./RemoveSource";

interface Act {
  verb: "sync" | "pause" | "resume";
  body?: { confirm_deletes?: boolean; retry_failed?: boolean };
}

/** What can be done with a source now. */
export function SourceActions({ source, then }: { source: Source; then: () => void }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const act = useMutation({
    mutationFn: ({ verb, body = {} }: Act) =>
      request<Source>(`/cairn/v1/sources/${segment(source.id)}/${verb}`, {
        method: "POST",
        body: verb === "sync" ? body : undefined,
      }),
    onSuccess: (now) => {
      queries.setQueryData(sourceQuery(source.id).queryKey, now);
      void queries.invalidateQueries({ queryKey: ["sources"], exact: true });
    },
  });
  if (!mayEdit || source.status === "removing") return null;
  const button = (label: string, wanted: Act) => (
    <button type="button" className="button" disabled={act.isPending} onClick={() => act.mutate(wanted)}>
      {label}
    </button>
  );
  return (
    <>
      <div className="row">
        {source.status === "paused" ? (
          button("Resume", { verb: "resume" })
        ) : (
          <>
            {button("Look now", { verb: "sync" })}
            {source.items.failed > 0 && button("Try the failed again", { verb: "sync", body: { retry_failed: true } })}
            {source.status === "on_hold" && (
              <Confirm
                label="Delete what is gone"
                title="Delete what is gone at the source?"
                act={() => act.mutateAsync({ verb: "sync", body: { confirm_deletes: true } })}
              >
                The next run deletes every document that is not at its place any more, however many these are. This
                cannot be undone.
              </Confirm>
            )}
            {button("Pause", { verb: "pause" })}
          </>
        )}
        <Link to="/documents/sources/$sourceId/edit" params={{ sourceId: source.id }} className="button">
          Edit
        </Link>
        <RemoveSource source={source} then={then} />
      </div>
      {act.error && <Problem what="That did not work." error={act.error} />}
    </>
  );
}
