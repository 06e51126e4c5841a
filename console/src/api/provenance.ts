import { queryOptions } from "@tanstack/react-query";
import { request, segment } from "./client";
import type { Provenance, Replay } from "./types";

const path = (responseId: string) => `/cairn/v1/responses/${segment(responseId)}`;

/** How a kept answer came about. */
export const provenance = (responseId: string) =>
  queryOptions({
    queryKey: ["responses", responseId, "provenance"],
    queryFn: ({ signal }) => request<Provenance>(`${path(responseId)}/provenance`, { signal }),
  });

/** Runs the search of a kept answer again; with `answer` the answer is written again too. */
export function replay(responseId: string, answer: boolean): Promise<Replay> {
  return request<Replay>(`${path(responseId)}/replay`, { method: "POST", body: { answer } });
}
