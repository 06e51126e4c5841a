import type { AnswerCost, ConfigurationReport, Difference, Estimate } from "../../api/types";
import { FIGURES, signed, verdict } from "../../lib/evaluation";
import { count, duration, figure } from "../../lib/format";

/** The configurations side by side: every figure with its interval, drawn and in numbers. */
export function Figures({ configurations }: { configurations: ConfigurationReport[] }) {
  const shown = FIGURES.filter(([name]) => configurations.some(({ figures }) => figures[name]));
  return (
    <div className="grid-frame" role="region" aria-label="Figures by configuration" tabIndex={0}>
      <table className="grid figures">
        <thead>
          <tr>
            <th scope="col">Figure</th>
            {configurations.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(([name, title]) => (
            <tr key={name}>
              <th scope="row">{title}</th>
              {configurations.map((held) => (
                <td key={held.name}>
                  <Cell estimate={held.figures[name]} difference={held.differences?.[name]} />
                </td>
              ))}
            </tr>
          ))}
          {COSTS.filter(({ of }) => configurations.some((held) => of(held) !== null)).map(({ title, of }) => (
            <tr key={title}>
              <th scope="row">{title}</th>
              {configurations.map((held) => (
                <td key={held.name}>{of(held) ?? <span className="muted">–</span>}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const COSTS: { title: string; of: (held: ConfigurationReport) => string | null }[] = [
  { title: "Search, half below", of: ({ search_ms }) => search_ms && duration(search_ms.p50) },
  { title: "Search, 99 % below", of: ({ search_ms }) => search_ms && duration(search_ms.p99) },
  { title: "Refused", of: ({ answers }) => answers && `${count(answers.refused)} of ${count(answers.asked)}` },
  { title: "Written by a model", of: ({ answers }) => answers && count(answers.generative) },
  { title: "Answer, half below", of: ({ answers }) => answers && duration(answers.seconds.p50 * 1000) },
  { title: "Answer, 99 % below", of: ({ answers }) => answers && duration(answers.seconds.p99 * 1000) },
  { title: "Tokens read per answer", of: ({ answers }) => answers && figure(answers.input_tokens) },
  { title: "Tokens written per answer", of: ({ answers }) => answers && figure(answers.output_tokens) },
  { title: "Cost of all answers", of: ({ answers }) => answers && costWords(answers) },
  { title: "Spent by this machine", of: ({ answers }) => answers && spentWords(answers) },
];

/** In the currency of the configured prices; runs from before there were any say nothing. */
function costWords({ cost, unpriced }: AnswerCost): string | null {
  if (cost !== null && cost !== undefined) return figure(cost);
  return unpriced ? `not known: ${count(unpriced)} without a price` : null;
}

function spentWords({ compute_seconds }: AnswerCost): string | null {
  return compute_seconds ? duration(compute_seconds * 1000) : null;
}

const VERDICTS = { better: "surely better", worse: "surely worse", chance: "may be chance" };

function Cell({ estimate, difference }: { estimate: Estimate | undefined; difference: Difference | undefined }) {
  if (!estimate) return <span className="muted">–</span>;
  return (
    <>
      <Interval {...estimate} />
      {estimate.value.toFixed(3)}{" "}
      <span className="muted">
        [{estimate.low.toFixed(3)}, {estimate.high.toFixed(3)}]
      </span>
      {difference && (
        <p className={`difference ${verdict(difference)}`}>
          {signed(difference.value)} [{signed(difference.low)}, {signed(difference.high)}]
          {difference.p_value !== null && `, p ${difference.p_value.toFixed(3)}`} · {VERDICTS[verdict(difference)]}
        </p>
      )}
    </>
  );
}

/** An interval on a line from 0 to 1; the numbers beside it say the same. */
function Interval({ value, low, high }: { value: number; low: number; high: number }) {
  return (
    <svg className="interval" viewBox="-4 0 108 12" aria-hidden="true">
      <path className="axis" d="M0 6H100" />
      <path className="whisker" d={`M${low * 100} 6H${high * 100}`} />
      <circle cx={value * 100} cy={6} r={3.5} />
    </svg>
  );
}
