import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { request, segment } from "../../api/client";
import { downloadOriginal, downloadText } from "../../api/downloads";
import { fileObject, storeFile, storeFiles } from "../../api/queries";
import { useMayEdit } from "../../api/role";
import type { VectorStore, VectorStoreFile } from "../../api/types";
import { Id } from "../../components/Copy";
import { Dialog } from "../../components/Dialog";
import { Fact, Loading, State, When } from "../../components/parts";
import { PassageView } from "../../components/PassageView";
import { Problem } from "../../components/Problem";
import { Tabs } from "../../components/Tabs";
import { canReadAgain, failureWords } from "../../lib/files";
import { bytes, sentence } from "../../lib/format";
import { chunkingWords } from "../../lib/indexing";
import { placeTarget } from "../../lib/passage";
import { FileAccess } from "./FileAccess";
import { FileAttributes } from "./FileAttributes";
import { RemoveFile } from "./RemoveFile";

interface FileSheetProps {
  store: VectorStore;
  /** The file that is shown; null for none. */
  fileId: string | null;
  onClose: () => void;
}

/** One file of a store over the page: how it was read, who may read it, its attributes, its text. */
export function FileSheet({ store, fileId, onClose }: FileSheetProps) {
  const queries = useQueryClient();
  const query = useQuery({
    ...storeFile(store.id, fileId ?? ""),
    enabled: fileId !== null,
    placeholderData: () =>
      queries.getQueryData(storeFiles(store.id).queryKey)?.items.find(({ id }) => id === fileId),
  });
  return (
    <Dialog title={query.data?.cairn.filename ?? "File"} open={fileId !== null} onClose={onClose} shape="sheet">
      <div className="sheet-body">
        {query.error && (
          <Problem what="The file could not be read." error={query.error} retry={() => void query.refetch()} />
        )}
        {query.isPending && <Loading what="the file" />}
        {query.data && <Contents key={query.data.id} store={store} file={query.data} onClose={onClose} />}
      </div>
    </Dialog>
  );
}

interface ContentsProps {
  store: VectorStore;
  file: VectorStoreFile;
  onClose: () => void;
}

function Contents(props: ContentsProps) {
  const { file } = props;
  const [tab, setTab] = useState<"details" | "text">("details");
  if (file.status !== "completed") return <Details {...props} />;
  const text = <PassageView target={placeTarget(file.id, file.cairn.filename, null, null)} />;
  return (
    <Tabs
      label="File"
      value={tab}
      onChange={setTab}
      tabs={[
        { value: "details", title: "Details", content: <Details {...props} /> },
        { value: "text", title: "Text", content: text },
      ]}
    />
  );
}

function Details({ store, file, onClose }: ContentsProps) {
  const mayEdit = useMayEdit();
  const { data: uploaded } = useQuery(fileObject(file.id));
  const { notes, chunking } = file.cairn;
  return (
    <div className="file-details">
      <dl className="facts">
        <Fact name="Status">
          <State value={file.status} />
        </Fact>
        <Fact name="Added">
          <When seconds={file.created_at} />
        </Fact>
        <Fact name="Size">{uploaded ? bytes(uploaded.bytes) : <span className="muted">–</span>}</Fact>
        <Fact name="In the index">{bytes(file.usage_bytes)}</Fact>
        <Fact name="Cut">{chunkingWords(chunking)}</Fact>
        {!mayEdit && uploaded && (
          <Fact name="May be read by">
            {uploaded.cairn.restricted ? "those on its access list" : "everyone of the tenant"}
          </Fact>
        )}
        <Fact name="Id">
          <Id value={file.id} what="file id" length={18} />
        </Fact>
      </dl>
      <Reading storeId={store.id} file={file} />
      {notes.length > 0 && (
        <section>
          <h3>What the reader noted</h3>
          <ul className="notes">
            {notes.map((note, at) => (
              <li key={at}>{sentence(note)}</li>
            ))}
          </ul>
        </section>
      )}
      <Downloads file={file} />
      {mayEdit && <FileAccess fileId={file.id} />}
      <FileAttributes storeId={store.id} file={file} />
      <div className="row">
        <RemoveFile store={store} file={file} then={onClose} />
      </div>
    </div>
  );
}

/** How its reading went where it is not simply done, and what to do. */
function Reading({ storeId, file }: { storeId: string; file: VectorStoreFile }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const again = useMutation({
    // To attach it once more is to have it read again; what is not sent stays.
    mutationFn: () =>
      request<VectorStoreFile>(`/v1/vector_stores/${segment(storeId)}/files`, {
        method: "POST",
        body: { file_id: file.id },
      }),
    onSuccess: async (now) => {
      queries.setQueryData(storeFile(storeId, file.id).queryKey, now);
      await queries.invalidateQueries({ queryKey: ["store", storeId, "files"], exact: true });
      await queries.invalidateQueries({ queryKey: ["store", storeId], exact: true });
    },
  });
  const button = mayEdit && canReadAgain(file) && (
    <div className="row">
      <button type="button" className="button" disabled={again.isPending} onClick={() => again.mutate()}>
        {again.isPending ? "Asking the server…" : "Read again"}
      </button>
    </div>
  );
  return (
    <>
      <p className="hidden" role="status">
        {file.status === "in_progress" ? "The file is being read" : ""}
      </p>
      {file.status === "in_progress" && (
        <p className="notice">It is being read, which goes on when you leave this page. Until then it is not found.</p>
      )}
      {file.cairn.waiting && <p className="notice">It is put off: {file.cairn.waiting}</p>}
      {file.status === "failed" && <Failure file={file}>{button}</Failure>}
      {file.status === "cancelled" && (
        <div className="notice">
          <p>Its reading was cancelled: questions do not find it.</p>
          {button}
        </div>
      )}
      {again.error && <Problem what="The file is not read again." error={again.error} />}
    </>
  );
}

function Failure({ file: { last_error }, children }: { file: VectorStoreFile; children: React.ReactNode }) {
  if (!last_error) return <div className="problem">{children}</div>;
  const { what, remedy } = failureWords(last_error);
  return (
    <div className="problem">
      <p className="problem-what">{what}</p>
      <p>
        {sentence(last_error.message)} <span className="muted">({last_error.code})</span>
      </p>
      <p>{remedy}</p>
      {children}
    </div>
  );
}

/** The file as it was uploaded, and the text that was read from it. */
function Downloads({ file: { id, status, cairn } }: { file: VectorStoreFile }) {
  const save = useMutation({ mutationFn: (act: typeof downloadText) => act(id, cairn.filename) });
  return (
    <>
      <div className="row">
        {status === "completed" && (
          <button type="button" className="button" disabled={save.isPending} onClick={() => save.mutate(downloadText)}>
            Download text
          </button>
        )}
        <button type="button" className="button" disabled={save.isPending} onClick={() => save.mutate(downloadOriginal)}>
          Download original
        </button>
      </div>
      {save.error && <Problem what="The download failed." error={save.error} />}
    </>
  );
}
