import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { request, segment } from "../../api/client";
import { keys } from "../../api/queries";
import type { ApiKey, NewApiKey, Role } from "../../api/types";
import { Command, Id } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { Empty, Field, Loading, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { principalsOf, principalsText } from "../../lib/principals";

/** Who may use the server: keys are shown once when made, and revoked at once. */
export function Keys({ own }: { own: string }) {
  const query = useQuery(keys);
  return (
    <section>
      <h2>Keys</h2>
      <NewKey />
      {query.error && (
        <Problem what="The keys could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the keys" />}
      {query.data && (
        <DataTable
          label="Keys"
          one="key"
          items={query.data}
          columns={columns(own)}
          id={(key) => key.id}
          empty={<Empty title="No key is listed." command="cairn keys create --tenant NAME --role ROLE" />}
        />
      )}
    </section>
  );
}

function columns(own: string): Col<ApiKey>[] {
  return [
    { title: "Name", value: (key) => key.name, show: (key) => key.name || <span className="muted">–</span> },
    {
      title: "Tenant",
      value: (key) => key.tenant,
      show: (key) => <span className="whole-words">{key.tenant}</span>,
    },
    { title: "Role", value: (key) => key.role, show: (key) => <span className="whole-words">{key.role}</span> },
    {
      title: "Speaks for",
      value: (key) => principalsText(key.principals),
      show: (key) =>
        key.principals.length === 0 ? <span className="muted">–</span> : principalsText(key.principals),
    },
    { title: "Id", value: (key) => key.id, show: (key) => <Id value={key.id} what="key id" length={16} /> },
    {
      title: "State",
      value: (key) => (key.revoked_at === null ? "valid" : "revoked"),
      show: (key) =>
        key.revoked_at === null ? (
          <span className="state good">valid</span>
        ) : (
          <span className="state still">
            revoked <When seconds={key.revoked_at} />
          </span>
        ),
    },
    { title: "Made", value: (key) => key.created_at, show: (key) => <When seconds={key.created_at} /> },
    {
      title: "Actions",
      show: (key) => {
        if (key.id === own) return <span className="muted">this session</span>;
        return key.revoked_at === null && <Revoke apiKey={key} />;
      },
    },
  ];
}

function Revoke({ apiKey }: { apiKey: ApiKey }) {
  const queries = useQueryClient();
  const act = async () => {
    await request(`/cairn/v1/keys/${segment(apiKey.id)}`, { method: "DELETE" });
    await queries.invalidateQueries({ queryKey: ["keys"] });
  };
  const named = apiKey.name || apiKey.id;
  return (
    <Confirm small label="Revoke" name={`Revoke ${named}`} title={`Revoke the key “${named}”?`} act={act}>
      Whoever uses it is refused from the next call on. A revoked key cannot be brought back.
    </Confirm>
  );
}

function NewKey() {
  const queries = useQueryClient();
  const [tenant, setTenant] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [name, setName] = useState("");
  const [speaksFor, setSpeaksFor] = useState("");
  const hint = useId();
  const make = useMutation({
    mutationFn: () =>
      request<NewApiKey>("/cairn/v1/keys", {
        method: "POST",
        body: { tenant: tenant.trim(), role, name: name.trim() || undefined, principals: principalsOf(speaksFor) },
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
        <button type="submit" className="button primary" disabled={make.isPending}>
          Make key
        </button>
      </form>
      <p id={hint} className="muted">
        A key may speak for users and groups, with commas between. Files with an access list answer only to keys that
        speak for one on it; without names a key reads what is open to its tenant.
      </p>
      {make.error && <Problem what="The key was not made." error={make.error} />}
      <Dialog title="The new key" open={make.data !== undefined} onClose={() => make.reset()} shape="box">
        <div className="dialog-body">
          <p>It is shown this once: keep it now.</p>
          {make.data && <Command text={make.data.key} />}
        </div>
        <div className="row end">
          <button type="button" className="button primary" onClick={() => make.reset()}>
            I have kept it
          </button>
        </div>
      </Dialog>
    </>
  );
}
