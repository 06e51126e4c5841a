import { useQuery } from "@tanstack/react-query";
import { whoami } from "./queries";

/** Whether this key may change things. The server decides; this only spares people refusals. */
export function useMayEdit(): boolean {
  const { data } = useQuery(whoami);
  return data !== undefined && data.role !== "viewer";
}
