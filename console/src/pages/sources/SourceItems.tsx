import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { sourceItems } from "../../api/queries";
import type { Source, SourceItem } from "../../api/types";
import { Copy } from "../../components/Copy";
import { DataTable, type Col } from "../../components/DataTable";
import { Empty, Loading, State, Until, When } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { bytes, count, counted } from "../../lib/format";
import { placeTarget, type PassageTarget } from "../../lib/passage";
import { itemNote } from "../../lib/sources";

type Shown = SourceItem["state"] | "";

interface SourceItemsProps {
  source: Source;
  onOpen: (target: PassageTarget) => void;
}

/** What is held of each thing at a source, with the reason where it failed. */
export function SourceItems({ source, onOpen }: SourceItemsProps) {
  const [state, setState] = useState<Shown>("");
  const query = useQuery(sourceItems(source.id, state));
  const { items } = source;
  const states: [Shown, string][] = [
    ["", `All ${count(items.total)}`],
    ["failed", `${count(items.failed)} failed`],
    ["pending", `${count(items.pending)} being read`],
    ["ready", `${count(items.ready)} ready`],
    ["removed", `${count(items.removed)} deleted here`],
  ];
  return (
    <>
      <label className="row">
        Show
        <select className="input" value={state} onChange={(event) => setState(event.target.value as Shown)}>
          {states.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {query.error && (
        <Problem what="The items could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the items" />}
      {query.data && (
        <>
          <DataTable
            label="Items"
            one="item"
            items={query.data.items}
            columns={columns(onOpen)}
            id={(item) => item.id}
            empty={<Empty title={state === "" ? "Nothing was found there yet." : "No item is in this state."} />}
          />
          {!query.data.complete && (
            <p className="notice">Only the first {count(query.data.items.length)} items are shown; all are searched.</p>
          )}
        </>
      )}
    </>
  );
}

function columns(onOpen: SourceItemsProps["onOpen"]): Col<SourceItem>[] {
  return [
    {
      title: "Name",
      value: (item) => `${item.name} ${item.key}`,
      show: (item) => (
        <>
          <ItemName item={item} onOpen={onOpen} />
          {item.key !== item.name && <p className="muted reason">{item.key}</p>}
        </>
      ),
    },
    { title: "State", value: (item) => item.state, show: (item) => <ItemState item={item} /> },
    {
      title: "Size",
      numeric: true,
      value: (item) => item.bytes,
      show: (item) => (item.bytes === null ? <span className="muted">–</span> : bytes(item.bytes)),
    },
    {
      title: "Changed there",
      value: (item) => item.modified_at,
      show: (item) =>
        item.modified_at === null ? <span className="muted">–</span> : <When seconds={item.modified_at} />,
    },
    { title: "Noted", value: (item) => item.updated_at, show: (item) => <When seconds={item.updated_at} /> },
    { title: "Actions", show: (item) => <Copy text={item.key} what={`name of ${item.name} at the source`} /> },
  ];
}

function ItemName({ item, onOpen }: { item: SourceItem; onOpen: SourceItemsProps["onOpen"] }) {
  const { file_id } = item;
  if (file_id === null || item.state === "removed") return <span className="row-name">{item.name}</span>;
  return (
    <button
      type="button"
      className="row-name"
      onClick={() => onOpen(placeTarget(file_id, item.name, null, null))}
    >
      {item.name}
    </button>
  );
}

function ItemState({ item }: { item: SourceItem }) {
  const note = itemNote(item);
  return (
    <>
      <State value={item.state} />
      {item.error && <p className="bad reason">{item.error}</p>}
      {note && <p className="muted reason">{note}</p>}
      {item.state === "failed" && (
        <p className="muted reason">
          {counted(item.attempts, "failure")} in a row
          {item.retry_at === null ? (
            "; tried again when it changes there"
          ) : (
            <>
              ; tried again <Until seconds={item.retry_at} />
            </>
          )}
        </p>
      )}
    </>
  );
}
