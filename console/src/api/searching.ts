import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { request, segment } from "./client";
import type { SearchBody, SearchPage } from "./types";

/** A search over one store. What was found before stays until the new hits are there. */
export const storeSearch = (id: string, body: SearchBody) =>
  queryOptions({
    queryKey: ["store", id, "search", body],
    queryFn: ({ signal }) =>
      request<SearchPage>(`/v1/vector_stores/${segment(id)}/search`, { method: "POST", body, signal }),
    placeholderData: keepPreviousData,
  });
