import { useEffect } from "react";
import { cancelUpload, clearUploads, uploads, type Upload } from "../../api/uploads";
import { Progress } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { bytes, remaining } from "../../lib/format";
import { useNow } from "../../lib/hooks";
import { useStore } from "../../lib/store";

/** Files on their way into a store: sent, then handed over for processing. */
export function UploadList({ storeId }: { storeId: string }) {
  const mine = useStore(uploads).filter((item) => item.storeId === storeId);
  const going = mine.filter(({ state }) => state === "waiting" || state === "sending" || state === "attaching");
  const trouble = mine.filter(({ state }) => state === "failed" || state === "cancelled");
  const busy = going.length > 0;
  useEffect(() => {
    if (!busy) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [busy]);

  if (going.length + trouble.length === 0) return null;
  return (
    <section className="uploads" aria-label="Uploads">
      {going.map((item) => (
        <Going key={item.id} item={item} />
      ))}
      {trouble.map((item) =>
        item.error ? (
          <Problem key={item.id} what={`“${item.name}” was not added.`} error={item.error} />
        ) : (
          <p key={item.id} className="muted">
            “{item.name}” was cancelled.
          </p>
        ),
      )}
      {trouble.length > 0 && (
        <button type="button" className="link-button" onClick={() => clearUploads(storeId)}>
          Clear these messages
        </button>
      )}
    </section>
  );
}

function Going({ item }: { item: Upload }) {
  const now = useNow(500, item.state === "sending");
  const fraction = item.bytes === 0 ? 1 : item.sent / item.bytes;
  const estimate = item.startedAt === null ? null : remaining(now - item.startedAt, fraction);
  const doing = { waiting: "waiting", sending: estimate ?? "sending", attaching: "handing over" }[
    item.state as "waiting" | "sending" | "attaching"
  ];
  return (
    <div className="upload">
      <Progress fraction={fraction} label={item.name} detail={`${bytes(item.bytes)}, ${doing}`} />
      <button
        type="button"
        className="link-button"
        aria-label={`Cancel ${item.name}`}
        onClick={() => cancelUpload(item.id)}
      >
        Cancel
      </button>
    </div>
  );
}
