import type { QueryClient } from "@tanstack/react-query";
import { request, segment } from "./client";
import { storeRanking } from "./queries";
import type { SetRanking, StoreRanking } from "./types";

const path = (storeId: string) => `/cairn/v1/vector_stores/${segment(storeId)}/ranking`;

/** Sets what `body` names of a store's ranking and threshold; the rest stays. */
export function setRanking(storeId: string, body: SetRanking): Promise<StoreRanking> {
  return request<StoreRanking>(path(storeId), { method: "PUT", body });
}

/** Gives a store the program's own ranking and threshold again. */
export function resetRanking(storeId: string): Promise<StoreRanking> {
  return request<StoreRanking>(path(storeId), { method: "DELETE" });
}

/** Keeps what was set, for the fields and for searches to come. */
export function keepRanking(queries: QueryClient, now: StoreRanking): void {
  queries.setQueryData(storeRanking(now.vector_store_id).queryKey, now);
  void queries.invalidateQueries({ queryKey: ["store", now.vector_store_id, "search"] });
}
