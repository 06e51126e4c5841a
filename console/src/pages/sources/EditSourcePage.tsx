import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { source as sourceQuery } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import { PageProblem } from "../../components/PageProblem";
import { Loading, PageHead } from "../../components/parts";
import { useTitle } from "../../lib/hooks";
import { KIND_NAMES } from "../../lib/sourceFields";
import { sourceKind } from "../../lib/sourceForm";
import { SourceForm } from "./SourceForm";

const route = getRouteApi("/documents/sources/$sourceId/edit");

/** Where a source is changed: all but its kind, its store, and what its documents are given. */
export function EditSourcePage() {
  const { sourceId } = route.useParams();
  const navigate = route.useNavigate();
  const mayEdit = useMayEdit();
  const query = useQuery(sourceQuery(sourceId));
  const source = query.data;
  useTitle(source ? `Edit ${source.name}` : "Edit a source");
  const above = (
    <Link to="/documents/sources/$sourceId" params={{ sourceId }}>
      {source?.name ?? "Source"}
    </Link>
  );
  if (query.error) {
    return (
      <PageProblem
        title="Edit a source"
        what="The source could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/documents" search={{ tab: "sources" }}>All sources</Link>
      </PageProblem>
    );
  }
  if (!source) return <div className="page"><Loading what="the source" /></div>;
  const kind = sourceKind(source.type);
  const back = () => void navigate({ to: "/documents/sources/$sourceId", params: { sourceId } });
  return (
    <div className="page">
      <PageHead title="Edit the source" above={above} />
      {!mayEdit && <p className="notice">This key may only read: changing a source needs an editor’s key.</p>}
      {kind === undefined ? (
        <p className="notice">This console does not know sources of the kind “{source.type}”.</p>
      ) : (
        <p className="muted">
          {KIND_NAMES[kind]}. Another place or another choice of what to take has it looked at at once; what is not
          there any more is then deleted from the store.
        </p>
      )}
      {mayEdit && kind !== undefined && <SourceForm kind={kind} source={source} stores={[]} then={back} />}
    </div>
  );
}
