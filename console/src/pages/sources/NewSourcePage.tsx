import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { stores } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import { PageProblem } from "../../components/PageProblem";
import { Empty, Loading, PageHead } from "../../components/parts";
import { useTitle } from "../../lib/hooks";
import { SourceForm } from "./SourceForm";

const route = getRouteApi("/documents/sources/new");

/** Where a source is made. What its first run finds is told on its own page. */
export function NewSourcePage() {
  useTitle("Add a source");
  const { store } = route.useSearch();
  const navigate = route.useNavigate();
  const mayEdit = useMayEdit();
  const query = useQuery(stores);
  const above = (
    <Link to="/documents" search={{ tab: "sources" }}>
      Sources
    </Link>
  );
  if (query.error) {
    return (
      <PageProblem
        title="Add a source"
        what="The stores could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      >
        {above}
      </PageProblem>
    );
  }
  const held = query.data?.items;
  return (
    <div className="page">
      <PageHead title="Add a source" above={above} />
      <p className="muted">
        A source keeps a store in step with a place: what is new there is read, what changed is read again, what is gone
        is deleted. The place is looked at as soon as the source is added; if that fails, its page says why.
      </p>
      {!mayEdit && <p className="notice">This key may only read: adding a source needs an editor’s key.</p>}
      {!held && <Loading what="the stores" />}
      {mayEdit && held?.length === 0 && (
        <Empty title="There is no store to fill yet.">
          Make one on the page <Link to="/documents">Documents</Link> first.
        </Empty>
      )}
      {mayEdit && held !== undefined && held.length > 0 && (
        <SourceForm
          kind="folder"
          source={null}
          stores={held}
          storeId={held.find(({ id }) => id === store)?.id}
          then={({ id }) => void navigate({ to: "/documents/sources/$sourceId", params: { sourceId: id } })}
        />
      )}
    </div>
  );
}
