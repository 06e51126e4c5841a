import { useQueryClient } from "@tanstack/react-query";
import { request, segment } from "../../api/client";
import { useMayEdit } from "../../api/role";
import { Confirm } from "../../components/Dialog";

export function DeleteTable({ name, small, then }: { name: string; small?: boolean; then?: () => void }) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const act = async () => {
    await request(`/cairn/v1/datasets/${segment(name)}`, { method: "DELETE" });
    then?.();
    queries.removeQueries({ queryKey: ["datasets", name] });
    await queries.invalidateQueries({ queryKey: ["datasets"] });
  };
  if (!mayEdit) return null;
  return (
    <Confirm small={small} label="Delete" name={`Delete table ${name}`} title={`Delete the table “${name}”?`} act={act}>
      All its versions go. Models trained from it stay. This cannot be undone.
    </Confirm>
  );
}
