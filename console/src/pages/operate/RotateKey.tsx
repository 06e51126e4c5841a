import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { request, segment } from "../../api/client";
import type { ApiKey, NewApiKey } from "../../api/types";
import { Confirm } from "../../components/Dialog";
import { GRACES } from "../../lib/keys";
import { SecretShown } from "./NewKey";

/** Gives a key a new secret, and shows it once. */
export function RotateKey({ apiKey }: { apiKey: ApiKey }) {
  const queries = useQueryClient();
  const [grace, setGrace] = useState(0);
  const [made, setMade] = useState<NewApiKey>();
  const act = async () => {
    const path = `/cairn/v1/keys/${segment(apiKey.id)}/rotate`;
    const rotated = await request<NewApiKey>(path, { method: "POST", body: { grace_s: grace } });
    void queries.invalidateQueries({ queryKey: ["keys"] });
    // The dialog that asked closes in the same step as the one with the secret opens.
    setMade(rotated);
  };
  const named = apiKey.name || apiKey.id;
  return (
    <>
      <Confirm small label="Rotate" name={`Rotate ${named}`} title={`A new secret for the key “${named}”?`} act={act}>
        <p>It stays the same key: for whom it speaks, what it may do and what it made do not change.</p>
        <fieldset className="kinds">
          <legend className="field-label">The secret it has now</legend>
          {GRACES.map(([seconds, words]) => (
            <label key={seconds} className="check">
              <input type="radio" name="grace" checked={grace === seconds} onChange={() => setGrace(seconds)} />
              {words}
            </label>
          ))}
        </fieldset>
      </Confirm>
      <SecretShown title="The new secret" made={made} close={() => setMade(undefined)} />
    </>
  );
}
