import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { ask, asked } from "../../api/asking";
import { status, stores } from "../../api/queries";
import { CloseIcon } from "../../components/icons";
import { Empty, Loading } from "../../components/parts";
import { PassageSheet } from "../../components/PassageSheet";
import { PassageView } from "../../components/PassageView";
import { PageProblem } from "../../components/PageProblem";
import { useMedia, useTitle } from "../../lib/hooks";
import type { PassageTarget } from "../../lib/passage";
import { useStore } from "../../lib/store";
import { AnswerView } from "./AnswerView";
import { AskForm } from "./AskForm";
import { Earlier } from "./Earlier";
import { Threshold } from "./Threshold";

const route = getRouteApi("/ask");

/** A question, its answer to read, and beside it the passage or what was asked before. */
export function AskPage() {
  useTitle("Ask");
  const { store } = route.useSearch();
  const navigate = route.useNavigate();
  const exchanges = useStore(asked);
  const [chosen, setChosen] = useState<string | null>(null);
  const [passage, setPassage] = useState<PassageTarget | null>(null);
  const listed = useQuery(stores);
  const wide = useMedia("(min-width: 1080px)");

  if (listed.error) {
    return (
      <PageProblem
        title="Ask"
        what="The stores could not be read."
        error={listed.error}
        retry={() => void listed.refetch()}
      />
    );
  }
  if (!listed.data) return <div className="page"><Loading what="the stores" /></div>;
  const options = listed.data.items;
  if (options.length === 0) return <NoStore />;

  const current = exchanges.find((exchange) => exchange.id === chosen) ?? exchanges[0];
  const selected = options.find(({ id }) => id === (store ?? current?.store.id)) ?? options[0];
  const choose = (id: string) => {
    setChosen(id);
    setPassage(null);
  };
  return (
    <div className="ask">
      <div className="ask-main">
        <h1 className="hidden">Ask your documents</h1>
        <ExtractiveNote />
        <AskForm
          stores={options}
          selected={selected}
          onStore={(id) => void navigate({ search: { store: id }, replace: true })}
          shown={current}
          onAsk={(question, { id, name }, before) => choose(ask(question, { id, name }, before))}
        />
        {selected && <Threshold key={selected.id} storeId={selected.id} />}
        {current && <AnswerView key={current.id} exchange={current} opened={passage} onOpen={setPassage} />}
        {!wide && <Earlier exchanges={exchanges} current={current?.id} onChoose={choose} />}
      </div>
      {wide && (
        <aside className="ask-side" aria-label={passage ? "Cited passage" : "Asked before"}>
          {passage ? (
            <Beside target={passage} storeId={current?.store.id} onClose={() => setPassage(null)} />
          ) : (
            <Earlier exchanges={exchanges} current={current?.id} onChoose={choose} />
          )}
        </aside>
      )}
      {!wide && <PassageSheet target={passage} storeId={current?.store.id} onClose={() => setPassage(null)} />}
    </div>
  );
}

interface BesideProps {
  target: PassageTarget;
  storeId: string | undefined;
  onClose: () => void;
}

function Beside({ target, storeId, onClose }: BesideProps) {
  const panel = useRef<HTMLElement>(null);
  const opener = useRef<HTMLElement | null>(null);
  // The focus follows to the passage, and returns to the citation when the passage is closed.
  useEffect(() => {
    const from = document.activeElement;
    if (from instanceof HTMLElement && !panel.current?.contains(from)) opener.current = from;
    panel.current?.focus({ preventScroll: true });
  }, [target]);
  const close = () => {
    onClose();
    opener.current?.focus({ preventScroll: true });
  };
  return (
    <section
      ref={panel}
      className="beside"
      tabIndex={-1}
      aria-label={`Passage of ${target.filename}`}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <div className="dialog-head">
        <h2 className="dialog-title">{target.filename}</h2>
        <button type="button" className="icon-button" aria-label="Close the passage" title="Close (Esc)" onClick={close}>
          <CloseIcon />
        </button>
      </div>
      <PassageView key={JSON.stringify(target)} target={target} storeId={storeId} />
    </section>
  );
}

/** Without a language model, answers are the documents' own sentences: say so before asking. */
function ExtractiveNote() {
  const { data } = useQuery({ ...status, refetchInterval: 30_000 });
  if (data?.answers !== "extractive") return null;
  return (
    <p className="notice">
      No language model is loaded: answers are made of sentences quoted from your documents.
    </p>
  );
}

function NoStore() {
  return (
    <div className="page">
      <h1>Ask your documents</h1>
      <Empty title="There is nothing to ask yet." command="cairn ingest PATH --store NAME">
        Make a store and add documents on the page <Link to="/documents">Documents</Link>, or from a terminal:
      </Empty>
    </div>
  );
}
