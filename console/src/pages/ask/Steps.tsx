import { STEPS, type Exchange, type Step } from "../../api/answers";
import { counted, duration } from "../../lib/format";
import { useNow } from "../../lib/hooks";

const TITLES: Record<Step, string> = { searching: "Searching", reading: "Reading", writing: "Writing" };

/** What the answer went through, each step with its time, running ones still counting. */
export function Steps({ exchange }: { exchange: Exchange }) {
  const now = useNow(100, exchange.state === "running");
  return (
    <ol className="steps">
      {STEPS.filter((step) => exchange.steps[step]).map((step) => {
        const span = exchange.steps[step];
        if (!span) return null;
        const running = span.to === null;
        return (
          <li key={step} className={running ? "step running" : "step"}>
            <span>{TITLES[step]}</span>
            {step === "reading" && exchange.passages.length > 0 && (
              <span className="muted">{counted(exchange.passages.length, "passage")}</span>
            )}
            <span className="muted numeric">{duration(Math.max(0, (span.to ?? now) - span.from))}</span>
          </li>
        );
      })}
    </ol>
  );
}
