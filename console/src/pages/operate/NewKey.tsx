import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { request } from "../../api/client";
import type { NewApiKey, Role } from "../../api/types";
import { Command } from "../../components/Copy";
import { Dialog } from "../../components/Dialog";
import { Field } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { endOf } from "../../lib/keys";
import { principalsOf } from "../../lib/principals";

/** Makes a key, and shows it once. */
export function NewKey() {
  const queries = useQueryClient();
  const [tenant, setTenant] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [name, setName] = useState("");
  const [speaksFor, setSpeaksFor] = useState("");
  const [ends, setEnds] = useState("");
  const hint = useId();
  const make = useMutation({
    mutationFn: () =>
      request<NewApiKey>("/cairn/v1/keys", {
        method: "POST",
        body: {
          tenant: tenant.trim(),
          role,
          name: name.trim() || undefined,
          principals: principalsOf(speaksFor),
          expires_at: endOf(ends),
        },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
  });
  return (
    <>
      <form
        className="form inline"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <Field label="Tenant">
          <input className="input" required value={tenant} onChange={(event) => setTenant(event.target.value)} />
        </Field>
        <Field label="Role">
          <select className="input" value={role} onChange={(event) => setRole(event.target.value as Role)}>
            <option value="viewer">viewer: reads, asks, predicts</option>
            <option value="editor">editor: also changes</option>
            <option value="admin">admin: also makes keys</option>
          </select>
        </Field>
        <Field label="Name">
          <input className="input" placeholder="Optional" value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label="Speaks for">
          <input
            className="input"
            placeholder="user:ada, group:board"
            autoComplete="off"
            aria-describedby={hint}
            value={speaksFor}
            onChange={(event) => setSpeaksFor(event.target.value)}
          />
        </Field>
        <Field label="Ends">
          <input
            className="input"
            type="datetime-local"
            aria-describedby={hint}
            value={ends}
            onChange={(event) => setEnds(event.target.value)}
          />
        </Field>
        <button type="submit" className="button primary" disabled={make.isPending}>
          Make key
        </button>
      </form>
      <p id={hint} className="muted">
        A key may speak for users and groups, with commas between. Files with an access list answer only to keys that
        speak for one on it; without names a key reads what is open to its tenant. Without an end it works until it is
        revoked.
      </p>
      {make.error && <Problem what="The key was not made." error={make.error} />}
      <SecretShown title="The new key" made={make.data} close={() => make.reset()} />
    </>
  );
}

interface SecretShownProps {
  title: string;
  made: NewApiKey | undefined;
  close: () => void;
}

/** A secret, shown this once. */
export function SecretShown({ title, made, close }: SecretShownProps) {
  return (
    <Dialog title={title} open={made !== undefined} onClose={close} shape="box">
      <div className="dialog-body">
        <p>It is shown this once: keep it now.</p>
        {made && <Command text={made.key} />}
      </div>
      <div className="row end">
        <button type="button" className="button primary" onClick={close}>
          I have kept it
        </button>
      </div>
    </Dialog>
  );
}
