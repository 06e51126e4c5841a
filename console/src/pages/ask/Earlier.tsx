import type { Exchange } from "../../api/answers";
import { When } from "../../components/parts";

interface EarlierProps {
  exchanges: Exchange[];
  current: string | undefined;
  onChoose: (id: string) => void;
}

const OUTCOMES: Record<Exchange["state"], string> = {
  running: "being answered",
  done: "",
  stopped: "stopped",
  failed: "failed",
};

/** The questions of this tab. */
export function Earlier({ exchanges, current, onChoose }: EarlierProps) {
  return (
    <section className="earlier">
      <h2>Asked in this tab</h2>
      {exchanges.length === 0 ? (
        <p className="muted">Your questions will be listed here until you sign out or close the tab.</p>
      ) : (
        <ol>
          {exchanges.map((exchange) => (
            <li key={exchange.id}>
              <button
                type="button"
                className="earlier-entry"
                aria-current={exchange.id === current ? "true" : undefined}
                onClick={() => onChoose(exchange.id)}
              >
                <span className="earlier-question">{exchange.question}</span>
                <span className="muted">
                  {exchange.store.name} · <When seconds={exchange.askedAt / 1000} />
                  {outcome(exchange) && <> · {outcome(exchange)}</>}
                </span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function outcome(exchange: Exchange): string {
  return exchange.response?.cairn?.refused ? "not answered" : OUTCOMES[exchange.state];
}
