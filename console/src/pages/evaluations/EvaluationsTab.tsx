import { useQuery } from "@tanstack/react-query";
import { evaluations, questionSets, stores } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import { AsOf, Loading } from "../../components/parts";
import { Problem } from "../../components/Problem";
import { EvaluationList } from "./EvaluationList";
import { GenerateQuestions } from "./GenerateQuestions";
import { QuestionSetList } from "./QuestionSetList";
import { StartEvaluation } from "./StartEvaluation";

/** Question sets, and how well the stores did on them. Both show words of documents: editors alone see them. */
export function EvaluationsTab() {
  const mayEdit = useMayEdit();
  if (!mayEdit) return <p className="notice">Questions and evaluations are for editors: this key may only read.</p>;
  return <Evaluations />;
}

function Evaluations() {
  const runs = useQuery(evaluations);
  const sets = useQuery(questionSets);
  const { data: listed } = useQuery(stores);
  const error = runs.error ?? sets.error;
  if (error) {
    const retry = () => {
      void runs.refetch();
      void sets.refetch();
    };
    return <Problem what="The evaluations could not be read." error={error} retry={retry} />;
  }
  if (!runs.data || !sets.data) return <Loading what="the evaluations" />;
  const held = listed?.items ?? [];
  const names = new Map([...held, ...sets.data.items].map(({ id, name }) => [id, name]));
  const nameOf = (id: string) => names.get(id) ?? id;
  return (
    <>
      <section>
        <h2>Runs</h2>
        <StartEvaluation sets={sets.data.items} nameOf={nameOf} />
        <EvaluationList runs={runs.data.items} nameOf={nameOf} />
      </section>
      <section>
        <h2>Question sets</h2>
        {held.length > 0 && <GenerateQuestions stores={held} />}
        <QuestionSetList sets={sets.data.items} nameOf={nameOf} />
      </section>
      <AsOf ms={Math.min(runs.dataUpdatedAt, sets.dataUpdatedAt)} />
    </>
  );
}
