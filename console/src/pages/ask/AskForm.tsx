import { useRef, useState } from "react";
import type { Exchange } from "../../api/answers";
import type { VectorStore } from "../../api/types";
import { counted } from "../../lib/format";

interface AskFormProps {
  stores: VectorStore[];
  selected: VectorStore | undefined;
  onStore: (id: string) => void;
  /** The answer that is shown: a question may go on from it. */
  shown: Exchange | undefined;
  onAsk: (question: string, store: VectorStore, before: Exchange | null) => void;
}

export function AskForm({ stores, selected, onStore, shown, onAsk }: AskFormProps) {
  const [question, setQuestion] = useState("");
  const [goesOn, setGoesOn] = useState(false);
  const before = goesOn && shown?.response ? shown : null;
  const field = useRef<HTMLTextAreaElement>(null);
  // What goes on from an answer waits for it.
  const waits = goesOn && shown?.state === "running";
  const ready = question.trim() !== "" && selected !== undefined && !waits;
  const send = () => {
    if (!ready) return;
    onAsk(question.trim(), selected, before);
    setQuestion("");
    // On a touch screen the keyboard would hide the answer.
    if (window.matchMedia("(hover: hover)").matches) field.current?.focus();
    else field.current?.blur();
  };
  return (
    <form
      className="ask-form"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        rows={2}
        aria-label="Question"
        placeholder={
          before ? "Ask on: what was said before is read with it." : "Ask your documents. Each question stands on its own."
        }
        value={question}
        autoFocus
        onChange={(event) => setQuestion(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <div className="ask-form-foot">
        <label className="ask-store">
          <span>in</span>
          <select
            className="input"
            aria-label="Store to ask"
            value={selected?.id ?? ""}
            onChange={(event) => onStore(event.target.value)}
          >
            {stores.map((store) => (
              <option key={store.id} value={store.id}>
                {store.name} · {counted(store.file_counts.completed, "document")}
              </option>
            ))}
          </select>
        </label>
        {(shown?.response || waits) && (
          <label className="check">
            <input type="checkbox" checked={goesOn} onChange={(event) => setGoesOn(event.target.checked)} />
            Go on from the answer below
          </label>
        )}
        <button type="submit" className="button primary" disabled={!ready}>
          Ask
        </button>
      </div>
    </form>
  );
}
