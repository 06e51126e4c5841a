import { useQueryClient } from "@tanstack/react-query";
import { request, segment } from "../../api/client";
import type { QuestionSet } from "../../api/types";
import { DataTable, type Col } from "../../components/DataTable";
import { Confirm } from "../../components/Dialog";
import { Empty, State, When } from "../../components/parts";
import { count, percent } from "../../lib/format";

interface QuestionSetListProps {
  sets: QuestionSet[];
  nameOf: (id: string) => string;
}

/** Question sets, one's own and generated ones. */
export function QuestionSetList({ sets, nameOf }: QuestionSetListProps) {
  return (
    <DataTable
      label="Question sets"
      one="set"
      items={sets}
      columns={columns(nameOf)}
      id={(set) => set.id}
      empty={
        <Empty title="No question set yet." command="cairn eval STORE --questions FILE.jsonl">
          Have questions generated above, or bring your own from a terminal:
        </Empty>
      }
    />
  );
}

function columns(nameOf: QuestionSetListProps["nameOf"]): Col<QuestionSet>[] {
  return [
    { title: "Name", value: (set) => set.name, show: (set) => <strong>{set.name}</strong> },
    { title: "Store", value: (set) => nameOf(set.store) },
    {
      title: "Questions",
      numeric: true,
      value: (set) => set.questions.total,
      show: ({ questions }) => (
        <>
          {count(questions.total)}
          {questions.unanswerable > 0 && (
            <span className="muted"> · {count(questions.unanswerable)} without an answer</span>
          )}
        </>
      ),
    },
    { title: "By", value: writers },
    {
      title: "State",
      value: (set) => set.status,
      show: (set) => (
        <>
          <State value={set.status} />
          {set.status === "generating" && <span className="muted numeric"> {percent(set.progress.fraction)}</span>}
          {set.error && <p className="bad reason">{set.error}</p>}
        </>
      ),
    },
    { title: "Made", value: (set) => set.created_at, show: (set) => <When seconds={set.created_at} /> },
    { title: "Actions", show: (set) => <DeleteSet set={set} /> },
  ];
}

/** Who wrote its questions. */
function writers({ questions: { user, model, extractive } }: QuestionSet): string {
  const parts = [
    ...(user > 0 ? ["yourselves"] : []),
    ...(model > 0 ? ["a language model"] : []),
    ...(extractive > 0 ? ["probes of the documents’ words"] : []),
  ];
  return parts.join(", ") || "–";
}

function DeleteSet({ set }: { set: QuestionSet }) {
  const queries = useQueryClient();
  const act = async () => {
    await request(`/cairn/v1/question_sets/${segment(set.id)}`, { method: "DELETE" });
    await queries.invalidateQueries({ queryKey: ["question_sets"] });
    await queries.invalidateQueries({ queryKey: ["evaluations"] });
  };
  return (
    <Confirm
      small
      label="Delete"
      name={`Delete question set ${set.name}`}
      title={`Delete the question set “${set.name}”?`}
      act={act}
    >
      All runs over it are deleted with it. This cannot be undone.
    </Confirm>
  );
}
