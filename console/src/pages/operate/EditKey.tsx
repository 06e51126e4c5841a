import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, request, segment } from "../../api/client";
import type { ApiKey } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { FormField } from "../../components/FormField";
import { Problem } from "../../components/Problem";
import { endOf, endText } from "../../lib/keys";
import { principalsOf, principalsText } from "../../lib/principals";

/** Changes what a key is called, for whom it speaks and when it ends. */
export function EditKey({ apiKey }: { apiKey: ApiKey }) {
  const [open, setOpen] = useState(false);
  const named = apiKey.name || apiKey.id;
  return (
    <>
      <button type="button" className="link-button" aria-label={`Edit ${named}`} onClick={() => setOpen(true)}>
        Edit
      </button>
      <Dialog title={`The key “${named}”`} open={open} onClose={() => setOpen(false)} shape="box">
        {open && <KeyForm apiKey={apiKey} close={() => setOpen(false)} />}
      </Dialog>
    </>
  );
}

/** The fields that the server names where it refuses one. */
const FIELDS = ["name", "principals", "expires_at"];

function KeyForm({ apiKey, close }: { apiKey: ApiKey; close: () => void }) {
  const queries = useQueryClient();
  // As the form began: the list may be loaded again under it.
  const [held] = useState(() => ({
    name: apiKey.name,
    speaksFor: principalsText(apiKey.principals),
    ends: endText(apiKey.expires_at),
  }));
  const [name, setName] = useState(held.name);
  const [speaksFor, setSpeaksFor] = useState(held.speaksFor);
  const [ends, setEnds] = useState(held.ends);
  const save = useMutation({
    mutationFn: () =>
      request<ApiKey>(`/cairn/v1/keys/${segment(apiKey.id)}`, {
        method: "PATCH",
        // What nobody touched stays as it is by now, though it was changed elsewhere meanwhile.
        body: {
          ...(name !== held.name && { name: name.trim() }),
          ...(speaksFor !== held.speaksFor && { principals: principalsOf(speaksFor) }),
          ...(ends !== held.ends && { expires_at: endOf(ends) }),
        },
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["keys"] });
      // It may be this session's key.
      await queries.invalidateQueries({ queryKey: ["whoami"] });
      close();
    },
  });
  const { error } = save;
  const param = error instanceof ApiError && error.param !== null && FIELDS.includes(error.param) ? error.param : null;
  const fault = (field: string) => (error && param === field ? error.message : undefined);
  return (
    <form
      className="sheet-form"
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <FormField name="name" label="Called" fault={fault("name")}>
        {(control) => <input {...control} value={name} onChange={(event) => setName(event.target.value)} />}
      </FormField>
      <FormField
        name="principals"
        label="Users and groups"
        hint="With commas between. It holds for every request from now on; one under way goes on as it began."
        fault={fault("principals")}
      >
        {(control) => (
          <textarea
            {...control}
            rows={2}
            placeholder="user:ada, group:board"
            value={speaksFor}
            onChange={(event) => setSpeaksFor(event.target.value)}
          />
        )}
      </FormField>
      <FormField
        name="expires_at"
        label="Ends at"
        hint="From then on it is refused. Empty: it works until it is revoked."
        fault={fault("expires_at")}
      >
        {(control) => (
          <input {...control} type="datetime-local" value={ends} onChange={(event) => setEnds(event.target.value)} />
        )}
      </FormField>
      {error && param === null && <Problem what="The key was not changed." error={error} />}
      <div className="row end">
        <button type="button" className="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={save.isPending}>
          {save.isPending ? "Saving…" : "Save key"}
        </button>
      </div>
    </form>
  );
}
