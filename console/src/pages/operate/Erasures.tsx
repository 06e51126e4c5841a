import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { erasures } from "../../api/queries";
import type { Erasure } from "../../api/types";
import { Id } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { AsOf, Empty, Loading, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { KINDS, reasonWords } from "../../lib/erasure";
import { count } from "../../lib/format";
import { ErasureSheet, Proof } from "./ErasureSheet";

/** What was deleted, with the certificates that it is gone. */
export function Erasures({ everyTenant }: { everyTenant: boolean }) {
  const [shown, setShown] = useState<string | null>(null);
  const query = useQuery(erasures);
  const items = query.data?.items ?? [];
  return (
    <section>
      <h2>Deletes</h2>
      <p className="muted">
        From the moment of a delete nothing is answered from what it took. Once the last of its bytes is gone, a signed
        certificate says so.
      </p>
      {query.error && (
        <Problem what="The deletes could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the deletes" />}
      {query.data && (
        <>
          <DataTable
            label="Deletes"
            one="delete"
            items={items}
            columns={columns(everyTenant, setShown)}
            id={(erasure) => erasure.id}
            empty={
              <Empty title="Nothing was deleted yet." command="cairn erase --file ID">
                Delete a file or a store under Documents, or from a terminal:
              </Empty>
            }
          />
          {!query.data.complete && (
            <p className="notice">Only the newest {count(items.length)} deletes are shown; the others are in the API.</p>
          )}
          <AsOf ms={query.dataUpdatedAt} />
        </>
      )}
      <ErasureSheet erasure={items.find(({ id }) => id === shown) ?? null} onClose={() => setShown(null)} />
    </section>
  );
}

function columns(everyTenant: boolean, onOpen: (id: string) => void): Col<Erasure>[] {
  const all: (Col<Erasure> | false)[] = [
    {
      title: "What",
      value: (erasure) => `${KINDS[erasure.kind]} ${erasure.subject}`,
      show: (erasure) => (
        <button
          type="button"
          className="row-name"
          aria-label={`Delete of ${KINDS[erasure.kind]} ${erasure.subject}`}
          onClick={() => onOpen(erasure.id)}
        >
          {KINDS[erasure.kind]}
        </button>
      ),
    },
    {
      title: "Id",
      value: (erasure) => erasure.subject,
      show: (erasure) => <Id value={erasure.subject} what="id of what was deleted" length={18} />,
    },
    everyTenant && {
      title: "Tenant",
      value: (erasure) => erasure.tenant,
      show: (erasure) => <Id value={erasure.tenant} what="tenant id" />,
    },
    { title: "Why", value: reasonWords },
    { title: "Deleted", value: (erasure) => erasure.requested_at, show: ({ requested_at }) => <When seconds={requested_at} /> },
    { title: "State", value: (erasure) => erasure.status, show: (erasure) => <Proof erasure={erasure} /> },
  ];
  return all.filter((column) => column !== false);
}
