import * as Radix from "@radix-ui/react-dialog";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState, type KeyboardEvent } from "react";
import { datasets, models, stores } from "../api/queries";
import { signOut } from "../api/session";

interface Entry {
  title: string;
  group: string;
  go: () => void;
}

/** Every place in the console, by a few letters of its name. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="overlay" />
        <Radix.Content className="dialog palette" aria-describedby={undefined}>
          <Radix.Title className="hidden">Go to</Radix.Title>
          <Search onClose={onClose} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Search({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const entries = useEntries();
  const shown = useMemo(() => matching(entries, text), [entries, text]);
  const chosen = Math.min(at, shown.length - 1);
  const choose = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.go();
  };
  const move = (event: KeyboardEvent) => {
    if (event.key === "Enter") choose(shown[chosen]);
    else if (event.key === "ArrowDown") setAt((chosen + 1) % Math.max(1, shown.length));
    else if (event.key === "ArrowUp") setAt((chosen - 1 + shown.length) % Math.max(1, shown.length));
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        className="palette-input"
        role="combobox"
        aria-label="Go to a page, a store, a table or a model"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={shown.length > 0 ? `palette-${chosen}` : undefined}
        placeholder="Go to a page, a store, a table or a model"
        value={text}
        onKeyDown={move}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Places" className="palette-list">
        {shown.map((entry, position) => (
          <div
            key={`${entry.group} ${entry.title}`}
            id={`palette-${position}`}
            role="option"
            aria-selected={position === chosen}
            className="palette-entry"
            ref={position === chosen ? (line) => line?.scrollIntoView({ block: "nearest" }) : undefined}
            onPointerMove={() => setAt(position)}
            onClick={() => choose(entry)}
          >
            <span>{entry.title}</span>
            <span className="muted">{entry.group}</span>
          </div>
        ))}
      </div>
      {shown.length === 0 && <p className="palette-none muted">Nothing is called “{text}”.</p>}
    </>
  );
}

function useEntries(): Entry[] {
  const navigate = useNavigate();
  const { data: listed } = useQuery(stores);
  const { data: tables } = useQuery(datasets);
  const { data: served } = useQuery(models);
  return useMemo(() => {
    const entry = (title: string, group: string, go: () => unknown): Entry => ({ title, group, go: () => void go() });
    return [
      entry("Ask", "Page", () => navigate({ to: "/ask" })),
      entry("Documents", "Page", () => navigate({ to: "/documents" })),
      entry("Sources", "Page", () => navigate({ to: "/documents", search: { tab: "sources" } })),
      entry("Evaluations", "Page", () => navigate({ to: "/documents", search: { tab: "evaluations" } })),
      entry("Tables", "Page", () => navigate({ to: "/tables" })),
      entry("SQL", "Page", () => navigate({ to: "/tables", search: { tab: "sql" } })),
      entry("Training runs", "Page", () => navigate({ to: "/tables", search: { tab: "runs" } })),
      entry("Models", "Page", () => navigate({ to: "/models" })),
      entry("Operate", "Page", () => navigate({ to: "/operate" })),
      ...(listed?.items ?? []).flatMap(({ id, name }) => [
        entry(name, "Documents", () => navigate({ to: "/documents/$storeId", params: { storeId: id } })),
        entry(`Ask ${name}`, "Ask", () => navigate({ to: "/ask", search: { store: id } })),
      ]),
      ...(tables ?? []).map(({ name }) =>
        entry(name, "Table", () => navigate({ to: "/tables/$name", params: { name } })),
      ),
      ...(served ?? []).map(({ name }) =>
        entry(name, "Model", () => navigate({ to: "/models/$name", params: { name } })),
      ),
      entry("Sign out", "Action", () => signOut()),
    ];
  }, [navigate, listed, tables, served]);
}

function matching(entries: Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    const name = `${entry.title} ${entry.group}`.toLowerCase();
    return words.every((word) => name.includes(word));
  });
}
