import { useRef, useState } from "react";
import type { VectorStore } from "../../api/types";
import { counted } from "../../lib/format";

interface AskFormProps {
  stores: VectorStore[];
  selected: VectorStore | undefined;
  onStore: (id: string) => void;
  onAsk: (question: string, store: VectorStore) => void;
}

export function AskForm({ stores, selected, onStore, onAsk }: AskFormProps) {
  const [question, setQuestion] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const ready = question.trim() !== "" && selected !== undefined;
  const send = () => {
    if (!ready) return;
    onAsk(question.trim(), selected);
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
        placeholder="Ask your documents. Each question stands on its own."
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
        <button type="submit" className="button primary" disabled={!ready}>
          Ask
        </button>
      </div>
    </form>
  );
}
