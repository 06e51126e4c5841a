import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { store as storeQuery, storeFiles } from "../../api/queries";
import { Id } from "../../components/Copy";
import { Fact, Loading, PageHead } from "../../components/parts";
import { PassageSheet } from "../../components/PassageSheet";
import { PageProblem } from "../../components/PageProblem";
import { Tabs } from "../../components/Tabs";
import { bytes, count } from "../../lib/format";
import { useTitle } from "../../lib/hooks";
import { placeTarget, type PassageTarget } from "../../lib/passage";
import { DeleteStore } from "./DocumentsPage";
import { DropZone } from "./DropZone";
import { FileList } from "./FileList";
import { FileSheet } from "./FileSheet";
import { StoreSearch } from "./StoreSearch";
import { StoreSettings } from "./StoreSettings";
import { UploadList } from "./UploadList";

const route = getRouteApi("/documents/$storeId");

/** One store: its documents, what is on its way in, a search over it, and how that is done. */
export function StorePage() {
  const { storeId } = route.useParams();
  const { tab = "files", q, how, file, from, to } = route.useSearch();
  const navigate = route.useNavigate();
  const [opened, setOpened] = useState<PassageTarget | null>(null);
  const [about, setAbout] = useState<string | null>(null);
  const query = useQuery(storeQuery(storeId));
  const files = useQuery({ ...storeFiles(storeId), enabled: file !== undefined });
  const store = query.data;
  const named = files.data?.items.find(({ id }) => id === file)?.cairn.filename ?? "Document";
  const linked = file === undefined ? null : placeTarget(file, named, from ?? null, to ?? null);
  const close = () => {
    setOpened(null);
    if (!linked) return;
    void navigate({ search: (now) => ({ ...now, file: undefined, from: undefined, to: undefined }), replace: true });
  };
  useTitle(store?.name ?? "Store");

  if (query.error) {
    return (
      <PageProblem
        title="Store"
        what="This store could not be read."
        error={query.error}
        retry={() => void query.refetch()}
      >
        <Link to="/documents">All stores</Link>
      </PageProblem>
    );
  }
  if (!store) return <div className="page"><Loading what="the store" /></div>;
  return (
    <div className="page">
      <PageHead title={store.name} above={<Link to="/documents">Documents</Link>}>
        <Link to="/ask" search={{ store: store.id }} className="button primary">
          Ask this store
        </Link>
        <DeleteStore store={store} then={() => void navigate({ to: "/documents" })} />
      </PageHead>
      <dl className="facts">
        <Fact name="Documents">{count(store.file_counts.total)}</Fact>
        <Fact name="Ready">{count(store.file_counts.completed)}</Fact>
        <Fact name="Processing">{count(store.file_counts.in_progress)}</Fact>
        <Fact name="Failed">{count(store.file_counts.failed)}</Fact>
        <Fact name="Size">{bytes(store.usage_bytes)}</Fact>
        <Fact name="Id">
          <Id value={store.id} what="store id" length={18} />
        </Fact>
      </dl>
      <DropZone storeId={store.id} />
      <UploadList storeId={store.id} />
      <Tabs
        label="Store"
        value={tab}
        onChange={(next) => void navigate({ search: (now) => ({ ...now, tab: next }), replace: true })}
        tabs={[
          { value: "files", title: "Files", content: <FileList store={store} onOpen={setAbout} /> },
          {
            value: "search",
            title: "Search",
            content: (
              <StoreSearch
                storeId={store.id}
                query={q ?? ""}
                how={how}
                onSearch={(q, how) => void navigate({ search: (now) => ({ ...now, q, how }), replace: true })}
                onOpen={setOpened}
              />
            ),
          },
          { value: "settings", title: "Settings", content: <StoreSettings store={store} /> },
        ]}
      />
      <FileSheet store={store} fileId={about} onClose={() => setAbout(null)} />
      <PassageSheet target={opened ?? linked} storeId={store.id} onClose={close} />
    </div>
  );
}
