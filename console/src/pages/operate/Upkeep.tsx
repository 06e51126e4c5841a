import { useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { purge, upkeep, verify, type Work } from "../../api/upkeep";
import type { Verification } from "../../api/types";
import { Id } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm } from "../../components/Dialog";
import { AsOf } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { canRepair, purgedWords, verificationWords } from "../../lib/erasure";
import { count, duration } from "../../lib/format";
import { useNow } from "../../lib/hooks";
import { useStore } from "../../lib/store";

/** What admins have done to the data of all tenants: compared, repaired, cleared. */
export function Upkeep() {
  return (
    <>
      <Verify />
      <Purge />
    </>
  );
}

function Verify() {
  const { verify: work } = useStore(upkeep);
  const heading = useRef<HTMLHeadingElement>(null);
  const busy = work?.state === "running";
  // The button that repairs goes with its act: the focus stays in this section.
  const repair = () => {
    heading.current?.focus();
    void verify(true);
  };
  return (
    <section>
      <h2 ref={heading} tabIndex={-1}>
        Verify
      </h2>
      <p className="muted">
        Compares index points, vectors and bytes of every tenant with the records. Takes longer the more there is, and
        changes nothing.
      </p>
      <div className="row">
        <button type="button" className="button" disabled={busy} onClick={() => void verify(false)}>
          Verify
        </button>
        {work && <Running work={work} what={work.repair ? "Repairing" : "Comparing"} />}
      </div>
      {work?.state === "failed" && (
        <Problem what={work.repair ? "The repair failed." : "The comparison failed."} error={work.error} />
      )}
      {work?.state === "done" && (
        <>
          <p role="status" className={work.result.clean || work.result.repaired ? undefined : "bad"}>
            {verificationWords(work.result, work.repair)}
          </p>
          <Findings result={work.result} repaired={work.repair} />
          {!work.repair && canRepair(work.result) && (
            <div className="row">
              <button type="button" className="button" onClick={repair}>
                Repair
              </button>
              <span className="muted">
                Writes missing points from the records, reads documents without vectors again, and removes stray files.
              </span>
            </div>
          )}
          <AsOf ms={work.finishedAt} />
        </>
      )}
    </section>
  );
}

function Purge() {
  const queries = useQueryClient();
  const { purge: work } = useStore(upkeep);
  // Not waited for: how it goes is told on the page, and it may take minutes.
  const act = async () => {
    if (work?.state === "running") return;
    void purge().then(() => queries.invalidateQueries({ queryKey: ["erasures"] }));
  };
  return (
    <section>
      <h2>Purge</h2>
      <p className="muted">
        Clears at once what deletes left inside files of the index and the database, and signs their certificates.
        Otherwise this happens by itself, usually within an hour or so.
      </p>
      <div className="row">
        <Confirm label="Purge" title="Clear what was deleted, now?" leave="Not now" act={act}>
          Indexes and the database are written anew without it. Readers do not wait meanwhile; writers do, about ten
          seconds for each gigabyte of the database.
        </Confirm>
        {work && <Running work={work} what="Clearing" />}
      </div>
      {work?.state === "failed" && <Problem what="The purge failed; what is left goes later." error={work.error} />}
      {work?.state === "done" && (
        <>
          <p role="status">{purgedWords(work.result)}</p>
          <AsOf ms={work.finishedAt} />
        </>
      )}
    </section>
  );
}

function Running({ work, what }: { work: Work<unknown>; what: string }) {
  const now = useNow(1000, work.state === "running");
  if (work.state !== "running") return null;
  return (
    <>
      <span className="hidden" role="status">{`${what}…`}</span>
      <span className="state busy" aria-hidden="true">
        {what}, {duration(Math.max(0, now - work.startedAt))} so far
      </span>
      <span className="muted">It goes on while you look at other pages.</span>
    </>
  );
}

interface Finding {
  kind: string;
  place: string;
  text: string;
  /** Whether a repair puts it right. */
  remedy: string;
}

const COLUMNS: Col<Finding>[] = [
  { title: "What", value: (finding) => finding.kind },
  { title: "Where", value: (finding) => finding.place, show: ({ place }) => <Id value={place} what="place" length={24} /> },
  { title: "Difference", value: (finding) => finding.text },
  { title: "Remedy", value: (finding) => finding.remedy },
];

/** Each difference, in one list. */
function Findings({ result, repaired }: { result: Verification; repaired: boolean }) {
  const remedy = repaired ? "repaired" : "repair";
  const found: Finding[] = [
    ...result.findings.map(({ store, missing, orphaned }) => ({
      kind: "index",
      place: store,
      text: `${count(missing)} points missing, ${count(orphaned)} too many`,
      remedy,
    })),
    ...result.without_vectors.map(({ store, file }) => ({
      kind: "vectors",
      place: `${store} ${file}`,
      text: "chunks without a vector",
      remedy: repaired ? "being read again" : "repair",
    })),
    ...result.orphaned_blobs.map((path) => ({ kind: "stray file", place: path, text: "belongs to nothing", remedy })),
    ...result.missing_blobs.map((path) => ({
      kind: "missing bytes",
      place: path,
      text: "the bytes are gone",
      remedy: "upload the file again",
    })),
  ];
  if (found.length === 0) return null;
  return (
    <DataTable
      label="Differences"
      one="difference"
      items={found}
      columns={COLUMNS}
      id={({ kind, place }) => `${kind} ${place}`}
      empty={null}
    />
  );
}
