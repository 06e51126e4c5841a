import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { evaluations } from "../../api/queries";
import type { Evaluation } from "../../api/types";
import { FIGURES, figureName, height, history, MAIN_FIGURE, type HistoryPoint } from "../../lib/evaluation";
import { moment } from "../../lib/format";

/** How a figure went over the runs of the same question set: a plot, and the table behind it. */
export function History({ run }: { run: Evaluation }) {
  const [figure, setFigure] = useState(MAIN_FIGURE);
  const { data } = useQuery(evaluations);
  const runs = data?.items ?? [];
  const points = history(runs, run.question_set, figure);
  const figures = FIGURES.filter(([name]) => history(runs, run.question_set, name).length > 0);
  if (figures.length === 0 || history(runs, run.question_set, MAIN_FIGURE).length < 2) return null;
  const names = [...new Set(points.flatMap(({ figures }) => [...figures.keys()]))];
  return (
    <section>
      <div className="section-head">
        <h2>{figureName(figure)} over the runs of this question set</h2>
        <label className="row">
          Figure
          <select className="input" value={figure} onChange={(event) => setFigure(event.target.value)}>
            {figures.map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
      </div>
      <ul className="chips">
        {names.map((name, at) => (
          <li key={name}>
            <span className={`swatch series-${at % SERIES}`} aria-hidden="true" /> {name}
          </li>
        ))}
      </ul>
      <Plot points={points} names={names} title={`${figureName(figure)} by run, 0 to 1`} />
      <div className="grid-frame" role="region" aria-label="The runs in numbers" tabIndex={0}>
        <table className="grid">
          <thead>
            <tr>
              <th scope="col">Run</th>
              {names.map((name) => (
                <th key={name} scope="col" className="numeric">
                  {name}
                </th>
              ))}
              <th scope="col">Beside the one before</th>
            </tr>
          </thead>
          <tbody>
            {points.map((point) => (
              <tr key={point.id}>
                <td>
                  <Link to="/documents/evaluations/$runId" params={{ runId: point.id }}>
                    {moment(point.at)}
                  </Link>
                  {point.id === run.id && <span className="muted"> this one</span>}
                </td>
                {names.map((name) => (
                  <td key={name} className="numeric">
                    {point.figures.get(name)?.value.toFixed(3) ?? "–"}
                  </td>
                ))}
                <td>{point.worse ? <span className="bad">worse</span> : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** How many colours there are for configurations. */
const SERIES = 6;
const FRAME = { width: 640, left: 36, right: 12, top: 10, bottom: 170, labels: 190, height: 200 };
const TICKS = [0, 0.25, 0.5, 0.75, 1];

/** A line for each configuration, with the interval of every run. */
function Plot({ points, names, title }: { points: HistoryPoint[]; names: string[]; title: string }) {
  const { width, left, right, top, bottom, labels, height: total } = FRAME;
  const x = (at: number) => left + ((at + 0.5) / points.length) * (width - left - right);
  const y = (value: number) => height(value, top, bottom);
  // The first and the last are dated; those between as long as there is room.
  const dated = (at: number) => at === 0 || at === points.length - 1 || points.length <= 6;
  return (
    <svg className="plot" viewBox={`0 0 ${width} ${total}`} role="img" aria-label={title}>
      {TICKS.map((tick) => (
        <g key={tick}>
          <path className="axis" d={`M${left} ${y(tick)}H${width - right}`} />
          <text x={left - 6} y={y(tick) + 4} textAnchor="end">
            {tick}
          </text>
        </g>
      ))}
      {points.map((point, at) =>
        dated(at) ? (
          <text key={point.id} x={x(at)} y={labels} textAnchor="middle">
            {day.format(point.at * 1000)}
          </text>
        ) : null,
      )}
      {names.map((name, number) => {
        const held = points.flatMap(({ id, figures }, at) => {
          const estimate = figures.get(name);
          return estimate ? [{ id, at, ...estimate }] : [];
        });
        return (
          <g key={name} className={`series-${number % SERIES}`}>
            <polyline points={held.map(({ at, value }) => `${x(at)},${y(value)}`).join(" ")} />
            {held.map(({ id, at, value, low, high }) => (
              <g key={id}>
                <path d={`M${x(at)} ${y(low)}V${y(high)}`} />
                <circle cx={x(at)} cy={y(value)} r={3.5}>
                  <title>{`${name}: ${value.toFixed(3)}`}</title>
                </circle>
              </g>
            ))}
          </g>
        );
      })}
    </svg>
  );
}

const day = new Intl.DateTimeFormat("en", {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hour12: false,
});
