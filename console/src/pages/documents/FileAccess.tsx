import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, request, segment } from "../../api/client";
import { fileAccess, whoami } from "../../api/queries";
import type { AccessList } from "../../api/types";
import { FormField } from "../../components/FormField";
import { Loading } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { accessWords, principalsOf, principalsText, readsFor } from "../../lib/principals";

/** Who may read a file, to be changed: everyone of the tenant, or a list. */
export function FileAccess({ fileId }: { fileId: string }) {
  const query = useQuery(fileAccess(fileId));
  return (
    <section>
      <h3>Who may read it</h3>
      {query.error && (
        <Problem what="The access list could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the access list" />}
      {query.data && <AccessForm list={query.data} />}
    </section>
  );
}

interface Edits {
  open: boolean;
  text: string;
}

function AccessForm({ list }: { list: AccessList }) {
  const queries = useQueryClient();
  const { data: who } = useQuery(whoami);
  const [edits, setEdits] = useState<Edits | null>(null);
  const held: Edits = { open: list.access === null, text: principalsText(list.access ?? []) };
  const { open, text } = edits ?? held;
  const wanted = open ? null : principalsOf(text);
  const changed = JSON.stringify(wanted) !== JSON.stringify(list.access);

  const save = useMutation({
    mutationFn: () =>
      request<AccessList>(`/cairn/v1/files/${segment(list.file_id)}/access`, {
        method: "PUT",
        body: { access: wanted },
      }),
    onSuccess: (now) => {
      queries.setQueryData(fileAccess(list.file_id).queryKey, now);
      setEdits(null);
      void queries.invalidateQueries({ queryKey: ["files", list.file_id, "object"] });
      void queries.invalidateQueries({ queryKey: ["store"] });
    },
  });
  const change = (part: Partial<Edits>) => {
    setEdits({ open, text, ...part });
    save.reset();
  };
  const fault = save.error instanceof ApiError && save.error.param === "principals" ? save.error.message : undefined;
  return (
    <form
      className="sheet-form"
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        if (changed) save.mutate();
      }}
    >
      <fieldset className="kinds">
        <legend className="hidden">Who may read it</legend>
        <label className="check">
          <input type="radio" name="access" checked={open} onChange={() => change({ open: true })} />
          Everyone of the tenant
        </label>
        <label className="check">
          <input type="radio" name="access" checked={!open} onChange={() => change({ open: false })} />
          Only these users and groups
        </label>
      </fieldset>
      {!open && (
        <FormField
          name="principals"
          label="Users and groups"
          hint="As keys name them, with commas between. It holds in every store and for what was answered from the file."
          fault={fault}
        >
          {(control) => (
            <textarea
              {...control}
              rows={2}
              placeholder="user:ada, group:board"
              value={text}
              onChange={(event) => change({ text: event.target.value })}
            />
          )}
        </FormField>
      )}
      <div className="row">
        <button type="submit" className="button" disabled={save.isPending || !changed}>
          {save.isPending ? "Saving…" : "Save readers"}
        </button>
        <span className="muted" role="status">
          {save.isSuccess && !changed && `Saved: it may be read by ${accessWords(list)} from now on.`}
        </span>
      </div>
      {who && !readsFor(who.principals, list.access) && (
        <p className="notice">
          Your own questions are not answered from it: your key speaks for nobody on this list. You manage it all the
          same.
        </p>
      )}
      {save.error && fault === undefined && <Problem what="The access list was not changed." error={save.error} />}
    </form>
  );
}
