import { useQuery, useQueryClient } from "@tanstack/react-query";
import { request, segment } from "../../api/client";
import { keys } from "../../api/queries";
import type { ApiKey } from "../../api/types";
import { Id } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm } from "../../components/Dialog";
import { Empty, Loading, Until, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { useNow } from "../../lib/hooks";
import { keyState, oldSecretWorks } from "../../lib/keys";
import { principalsText } from "../../lib/principals";
import { EditKey } from "./EditKey";
import { NewKey } from "./NewKey";
import { RotateKey } from "./RotateKey";

/** Who may use the server: secrets are shown once; changes and revocations hold at once. */
export function Keys({ own }: { own: string }) {
  const query = useQuery(keys);
  const now = useNow(15_000);
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
          columns={columns(own, now)}
          id={(key) => key.id}
          empty={<Empty title="No key is listed." command="cairn keys create --tenant NAME --role ROLE" />}
        />
      )}
    </section>
  );
}

function columns(own: string, now: number): Col<ApiKey>[] {
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
    { title: "State", value: (key) => keyState(key, now), show: (key) => <Standing apiKey={key} now={now} /> },
    { title: "Made", value: (key) => key.created_at, show: (key) => <When seconds={key.created_at} /> },
    {
      title: "Last used",
      value: (key) => key.last_used_at,
      show: (key) =>
        key.last_used_at === null ? <span className="muted">never</span> : <When seconds={key.last_used_at} />,
    },
    { title: "Actions", show: (key) => <Actions apiKey={key} own={own} now={now} /> },
  ];
}

/** The state of a key in words, with the times that belong to it. */
function Standing({ apiKey, now }: { apiKey: ApiKey; now: number }) {
  const state = keyState(apiKey, now);
  return (
    <>
      <span className={state === "valid" ? "state good" : "state still"}>
        {state}
        {apiKey.revoked_at !== null && (
          <>
            {" "}
            <When seconds={apiKey.revoked_at} />
          </>
        )}
        {state === "expired" && apiKey.expires_at !== null && (
          <>
            {" "}
            <When seconds={apiKey.expires_at} />
          </>
        )}
      </span>
      {state === "valid" && apiKey.expires_at !== null && (
        <div className="muted">
          ends <Until seconds={apiKey.expires_at} />
        </div>
      )}
      {state === "valid" && apiKey.previous_secret_until !== null && oldSecretWorks(apiKey, now) && (
        <div className="muted">
          old secret ends <Until seconds={apiKey.previous_secret_until} />
        </div>
      )}
    </>
  );
}

/** What may be done with a key. The session's own is not taken from under it. */
function Actions({ apiKey, own, now }: { apiKey: ApiKey; own: string; now: number }) {
  const state = keyState(apiKey, now);
  if (state === "revoked") return null;
  return (
    <div className="row">
      <EditKey apiKey={apiKey} />
      {apiKey.id === own ? (
        <span className="muted">this session</span>
      ) : (
        <>
          {state === "valid" && <RotateKey apiKey={apiKey} />}
          <Revoke apiKey={apiKey} />
        </>
      )}
    </div>
  );
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
