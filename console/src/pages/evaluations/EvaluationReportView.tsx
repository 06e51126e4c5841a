import { Link } from "@tanstack/react-router";
import type { Evaluation, EvaluationRegression, EvaluationReport, EvaluationTuning } from "../../api/types";
import { count, counted, figure } from "../../lib/format";
import { figureName, settingsWords, signed } from "../../lib/evaluation";
import { Figures } from "./Figures";
import { History } from "./History";
import { Results } from "./Results";

/** What a run found: alerts first, then the configurations side by side, their history, single questions. */
export function EvaluationReportView({ run, report }: { run: Evaluation; report: EvaluationReport }) {
  const { questions, regression, change, tuning, notes, configurations } = report;
  return (
    <>
      {regression?.worse && <Worse regression={regression} />}
      {notes.map((note) => (
        <p key={note} className="notice">
          {note}
        </p>
      ))}
      <section>
        <h2>Figures</h2>
        <p className="muted">
          {counted(questions.answerable, "question")} with an answer, {count(questions.unanswerable)} without
          {questions.unjudged > 0 && `, ${count(questions.unjudged)} left out: none of their files is in the store`}.
          Brackets hold 95 % intervals, bootstrapped over the questions
          {configurations.length > 1 && "; differences are to the first configuration on the same questions"}.
        </p>
        <Figures configurations={configurations} />
        <ul className="plain">
          {configurations.map(({ name, settings }) => (
            <li key={name}>
              <strong>{name}</strong> <span className="muted">{settingsWords(settings)}</span>
            </li>
          ))}
        </ul>
      </section>
      {(tuning || change) && (
        <section>
          <h2>Learned</h2>
          {change && (
            <p>
              The store {change.applied ? "is now as" : "was not changed to"} {change.configuration}: {change.reason}
            </p>
          )}
          {tuning && <Learned tuning={tuning} />}
        </section>
      )}
      <History run={run} />
      <Results id={run.id} configurations={configurations.map(({ name }) => name)} />
    </>
  );
}

/** The alert: what fell since the run before over the same questions. */
function Worse({ regression }: { regression: EvaluationRegression }) {
  return (
    <div className="problem" role="alert">
      <p className="problem-what">Worse than the run before it over the same questions</p>
      <ul className="plain">
        {regression.changes.map(({ configuration, figure, difference, certain }) => (
          <li key={`${configuration} ${figure}`} className="numeric">
            {configuration}, {figureName(figure)}: {signed(difference.value)} [{signed(difference.low)},{" "}
            {signed(difference.high)}]{!certain && ", which may be chance"}
          </li>
        ))}
      </ul>
      <Link to="/documents/evaluations/$runId" params={{ runId: regression.against }}>
        The run before
      </Link>
    </div>
  );
}

function Learned({ tuning: { refused, applied, questions, ranking, threshold } }: { tuning: EvaluationTuning }) {
  return (
    <>
      <p>
        Ranking:{" "}
        {refused ??
          (ranking
            ? `from ${counted(questions, "judged question")}; the store searches by meaning ${figure(ranking.dense_weight)}, neighbours ${figure(ranking.spread)}, reranker ${figure(ranking.late)}${applied ? "" : ", as before"}.`
            : "nothing was learned.")}
      </p>
      {threshold && (
        <p>
          Threshold:{" "}
          {threshold.refused ??
            `from ${counted(threshold.answerable, "question")} with an answer and ${count(threshold.unanswerable)} without; ${figure(threshold.threshold)} holds now, ${threshold.applied ? "as learned" : "the program’s own"}.`}
        </p>
      )}
    </>
  );
}
