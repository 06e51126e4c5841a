import { useMayEdit } from "../../api/role";
import type { VectorStore } from "../../api/types";
import { Indexing } from "./Indexing";
import { Ranking } from "./Ranking";

/** How a store is searched and cut: shown to all, changed by editors. */
export function StoreSettings({ store }: { store: VectorStore }) {
  const mayEdit = useMayEdit();
  return (
    <>
      {!mayEdit && <p className="notice">This key may only read: changing these settings needs an editor’s key.</p>}
      <Ranking storeId={store.id} />
      <Indexing store={store} />
    </>
  );
}
