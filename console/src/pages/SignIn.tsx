import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, request } from "../api/client";
import { whoami } from "../api/queries";
import { session, signIn } from "../api/session";
import type { WhoAmI } from "../api/types";
import { Command } from "../components/Copy";
import { Logo } from "../components/icons";
import { Field } from "../components/parts";
import { Problem } from "../components/Problem";
import { useTitle } from "../lib/hooks";
import { useStore } from "../lib/store";

/** The door: one key, tried before it is kept. */
export function SignIn() {
  useTitle("Sign in");
  const { notice } = useStore(session);
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const [keep, setKeep] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);

  const enter = async () => {
    setBusy(true);
    setError(null);
    try {
      const who = await request<WhoAmI>("/cairn/v1/whoami", { key: key.trim() });
      queries.setQueryData(whoami.queryKey, who);
      signIn(key.trim(), keep);
    } catch (cause) {
      setError(explained(cause as Error));
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <div className="sign-in-name">
          <Logo />
          <h1>Cairn</h1>
        </div>
        {notice && <p className="notice">{notice}</p>}
        <Field label="Key">
          <input
            className="input"
            type="password"
            autoComplete="current-password"
            required
            autoFocus
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        </Field>
        <label className="check">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} />
          Remember on this computer
        </label>
        <button type="submit" className="button primary" disabled={busy || key.trim() === ""}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        {error && <Problem what="Not signed in." error={error} />}
        <div className="hint">
          The first start of the server prints an administrator’s key once. More are made with
          <Command text="cairn keys create --tenant NAME --role ROLE" />
        </div>
      </form>
    </main>
  );
}

/** A refused key deserves more than "unauthorised". */
function explained(error: Error): Error {
  // One that has expired is told with its remedy.
  if (!(error instanceof ApiError) || error.status !== 401 || error.code === "key_expired") return error;
  const words = "The server does not know this key: it may be mistyped, revoked, or of another server.";
  return new ApiError(words, 401, error.code, error.requestId);
}
