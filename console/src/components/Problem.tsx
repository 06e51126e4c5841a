import { ApiError } from "../api/client";
import { sentence } from "../lib/format";
import { Copy } from "./Copy";

interface ProblemProps {
  /** What was being done, as in "The stores could not be read". */
  what: string;
  error: { message: string; status?: number; requestId?: string | null };
  retry?: () => void;
}

/** An error as every page shows it: what happened, what to do, the request id to quote. */
export function Problem({ what, error, retry }: ProblemProps) {
  const status = error.status ?? (error instanceof ApiError ? error.status : undefined);
  return (
    <div className="problem" role="alert">
      <p className="problem-what">{what}</p>
      <p>{sentence(error.message)}</p>
      {status !== undefined && <p className="muted">{advice(status)}</p>}
      <div className="row">
        {retry && (
          <button type="button" className="button" onClick={retry}>
            Try again
          </button>
        )}
        {error.requestId && (
          <span className="id muted">
            Request <code>{error.requestId}</code>
            <Copy text={error.requestId} what="request id" />
          </span>
        )}
      </div>
    </div>
  );
}

/** What a person can do about a status. */
function advice(status: number): string {
  switch (status) {
    case 0:
      return "Check that the server runs and that this computer reaches it, then try again.";
    case 400:
    case 422:
      return "Change what the message names and send it again.";
    case 401:
      return "Check the key, or ask an administrator for a new one.";
    case 403:
      return "This key may not do that: ask an administrator for a key with another role.";
    case 404:
      return "It may have been deleted meanwhile: go back to the list.";
    case 409:
      return "Something changed at the same time: reload and try again.";
    case 413:
      return "Send less at once, or use the command line for large files.";
    case 429:
      return "The limit of this key is reached: wait a moment, then try again.";
    case 503:
      return "The server is busy or still loading: wait a moment, then try again.";
    default:
      return "Try again; if it stays, give the request id to whoever runs the server.";
  }
}
