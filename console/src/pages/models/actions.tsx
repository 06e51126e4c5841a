import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, request, segment } from "../../api/client";
import { useMayEdit } from "../../api/role";
import type { Model } from "../../api/types";
import { Problem } from "../../components/Problem";
import { download } from "../../lib/download";

interface VersionProps {
  name: string;
  version: number;
}

/** Makes a version the one that answers. */
export function DeployButton({ name, version }: VersionProps) {
  const queries = useQueryClient();
  const mayEdit = useMayEdit();
  const deploy = useMutation({
    mutationFn: () =>
      request<Model>(`/cairn/v1/models/${segment(name)}/deploy`, { method: "POST", body: { version } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["models"] }),
  });
  if (!mayEdit) return null;
  return (
    <>
      <button
        type="button"
        className="button primary"
        aria-label={`Deploy version ${version} of ${name}`}
        disabled={deploy.isPending}
        onClick={() => deploy.mutate()}
      >
        {deploy.isPending ? "Deploying…" : "Deploy"}
      </button>
      {deploy.error && <Problem what={`Version ${version} was not deployed.`} error={deploy.error} />}
    </>
  );
}

/** Hands over the version's ONNX file. */
export function OnnxButton({ name, version }: VersionProps) {
  const fetched = useMutation({
    mutationFn: async () => {
      const reply = await call(`/cairn/v1/models/${segment(name)}/versions/${version}/onnx`);
      download(`${name}-v${version}.onnx`, await reply.blob());
    },
  });
  return (
    <>
      <button
        type="button"
        className="button"
        aria-label={`Download ONNX of version ${version} of ${name}`}
        disabled={fetched.isPending}
        onClick={() => fetched.mutate()}
      >
        {fetched.isPending ? "Fetching…" : "ONNX"}
      </button>
      {fetched.error && <Problem what="The ONNX file was not downloaded." error={fetched.error} />}
    </>
  );
}
