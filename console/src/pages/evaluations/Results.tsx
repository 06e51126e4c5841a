import { useQuery } from "@tanstack/react-query";
import { evaluationResults } from "../../api/queries";
import type { EvaluationResult } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { Empty, Loading } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { compared, figureName, MAIN_FIGURE, type Compared } from "../../lib/evaluation";
import { count, figure } from "../../lib/format";

interface ResultsProps {
  id: string;
  configurations: string[];
}

/** What each configuration made of each question, side by side, those found worst first. */
export function Results({ id, configurations }: ResultsProps) {
  const query = useQuery(evaluationResults(id));
  const [first] = configurations;
  const gain = (question: Compared) => question.by.get(first ?? "")?.outcome.figures[MAIN_FIGURE] ?? 2;
  const items = compared(query.data?.items ?? []).sort((a, b) => gain(a) - gain(b));
  return (
    <section>
      <h2>Questions</h2>
      {query.error && (
        <Problem what="The results could not be read." error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isPending && <Loading what="the results" />}
      {query.data && (
        <>
          <DataTable
            label="Results"
            one="question"
            items={items}
            columns={columns(configurations)}
            id={(question) => question.id}
            empty={<Empty title="The run has no results of single questions." />}
          />
          {!query.data.complete && (
            <p className="notice">Only the first {count(query.data.items.length)} results are shown.</p>
          )}
        </>
      )}
    </section>
  );
}

function columns(configurations: string[]): Col<Compared>[] {
  const single = configurations.length === 1;
  return [
    {
      title: "Question",
      value: ({ question }) => question ?? "deleted since",
      show: ({ question, answerable }) => (
        <>
          {question ?? <span className="missing">deleted since</span>}
          {!answerable && <p className="muted reason">has no answer in the documents</p>}
        </>
      ),
    },
    ...configurations.map((name): Col<Compared> => ({
      title: single ? figureName(MAIN_FIGURE) : `${figureName(MAIN_FIGURE)}, ${name}`,
      numeric: true,
      value: ({ by }) => by.get(name)?.outcome.figures[MAIN_FIGURE] ?? null,
      show: ({ by }) => <Outcome result={by.get(name)} />,
    })),
  ];
}

function Outcome({ result }: { result: EvaluationResult | undefined }) {
  if (!result) return <span className="muted">–</span>;
  const { outcome, answer } = result;
  const place = outcome.found.findIndex(({ relevant }) => relevant);
  return (
    <>
      {figure(outcome.figures[MAIN_FIGURE])}
      {outcome.answerable && (
        <p className="muted reason">{place < 0 ? "not found" : `right passage at place ${place + 1}`}</p>
      )}
      {outcome.answer?.refused && <p className="muted reason">not answered</p>}
      {answer && !outcome.answer?.refused && (
        <details className="reason">
          <summary>Answer</summary>
          <p className="answer-kept">{answer.text}</p>
        </details>
      )}
    </>
  );
}
