import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { isUnderWay } from "../lib/evaluation";
import { dataAddress } from "../lib/picture";
import { isBusy } from "../lib/sources";
import { call, listAll, request, segment } from "./client";
import type {
  AccessList,
  ApiKey,
  Dataset,
  Erasure,
  Evaluation,
  EvaluationResult,
  FileObject,
  FileText,
  List,
  Model,
  QuestionSet,
  Reindex,
  Rows,
  Source,
  SourceItem,
  Status,
  StoreRanking,
  TrainingRun,
  VectorStore,
  VectorStoreFile,
  WhoAmI,
} from "./types";

/** Everything the console reads, in one table: the cache key, the call, how often it is renewed. */

const POLL_MS = 1500;
/** What nobody waits for at the page, such as the next run of a source. */
const SLOW_POLL_MS = 15_000;

export const whoami = queryOptions({
  queryKey: ["whoami"],
  queryFn: ({ signal }) => request<WhoAmI>("/cairn/v1/whoami", { signal }),
  staleTime: Infinity,
});

export const status = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => request<Status>("/cairn/v1/status", { signal }),
  refetchInterval: 5000,
});

export const stores = queryOptions({
  queryKey: ["stores"],
  queryFn: ({ signal }) => listAll<VectorStore>("/v1/vector_stores", { signal }),
  refetchInterval: ({ state }) =>
    state.data?.items.some((store) => store.file_counts.in_progress > 0) ? POLL_MS : false,
});

export const store = (id: string) =>
  queryOptions({
    queryKey: ["store", id],
    queryFn: ({ signal }) => request<VectorStore>(`/v1/vector_stores/${segment(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && state.data.file_counts.in_progress > 0 ? POLL_MS : false),
  });

export const storeFiles = (id: string) =>
  queryOptions({
    queryKey: ["store", id, "files"],
    queryFn: ({ signal }) => listAll<VectorStoreFile>(`/v1/vector_stores/${segment(id)}/files`, { signal }),
    refetchInterval: ({ state }) => {
      const items = state.data?.items ?? [];
      const busy = items.some((file) => file.status === "in_progress");
      return busy ? POLL_MS + 5 * items.length : false;
    },
  });

/** One file of a store, as the store has it. */
export const storeFile = (id: string, fileId: string) =>
  queryOptions({
    queryKey: ["store", id, "files", fileId],
    queryFn: ({ signal }) =>
      request<VectorStoreFile>(`/v1/vector_stores/${segment(id)}/files/${segment(fileId)}`, { signal }),
    refetchInterval: ({ state }) => (state.data?.status === "in_progress" ? POLL_MS : false),
  });

/** A file as it was uploaded. */
export const fileObject = (id: string) =>
  queryOptions({
    queryKey: ["files", id, "object"],
    queryFn: ({ signal }) => request<FileObject>(`/v1/files/${segment(id)}`, { signal }),
  });

/** Who may read a file; for editors. */
export const fileAccess = (id: string) =>
  queryOptions({
    queryKey: ["files", id, "access"],
    queryFn: ({ signal }) => request<AccessList>(`/cairn/v1/files/${segment(id)}/access`, { signal }),
  });

export const storeRanking = (id: string) =>
  queryOptions({
    queryKey: ["store", id, "ranking"],
    queryFn: ({ signal }) => request<StoreRanking>(`/cairn/v1/vector_stores/${segment(id)}/ranking`, { signal }),
  });

export const storeReindex = (id: string) =>
  queryOptions({
    queryKey: ["store", id, "reindex"],
    queryFn: ({ signal }) => request<Reindex>(`/cairn/v1/vector_stores/${segment(id)}/reindex`, { signal }),
    refetchInterval: ({ state }) => (state.data?.status === "in_progress" ? POLL_MS : false),
  });

export const fileText = (id: string, start: number, end: number) =>
  queryOptions({
    queryKey: ["files", id, "text", start, end],
    queryFn: ({ signal }) =>
      request<FileText>(`/cairn/v1/files/${segment(id)}/text?start=${start}&end=${end}`, { signal }),
    staleTime: Infinity,
  });

/** Larger pictures are not read to be shown. */
const PICTURE_BYTES = 16_000_000;

/** A file that is one picture, as an address to show; null where it is too large for that. */
export const filePicture = (id: string, type: string) =>
  queryOptions({
    queryKey: ["files", id, "picture"],
    queryFn: async ({ signal }) => {
      const reply = await call(`/v1/files/${segment(id)}/content`, { signal });
      if (Number(reply.headers.get("content-length")) > PICTURE_BYTES) {
        await reply.body?.cancel();
        return null;
      }
      return dataAddress(new Blob([await reply.arrayBuffer()], { type }));
    },
    staleTime: Infinity,
  });

export const datasets = queryOptions({
  queryKey: ["datasets"],
  queryFn: async ({ signal }) => (await request<List<Dataset>>("/cairn/v1/datasets", { signal })).data,
});

export const dataset = (name: string) =>
  queryOptions({
    queryKey: ["datasets", name],
    queryFn: ({ signal }) => request<Dataset>(`/cairn/v1/datasets/${segment(name)}`, { signal }),
  });

export const rows = (name: string, limit: number, offset: number) =>
  queryOptions({
    queryKey: ["datasets", name, "rows", limit, offset],
    queryFn: ({ signal }) =>
      request<Rows>(`/cairn/v1/datasets/${segment(name)}/rows?limit=${limit}&offset=${offset}`, { signal }),
    placeholderData: keepPreviousData,
  });

const going = (run: TrainingRun) => run.status === "queued" || run.status === "running";

export const runs = queryOptions({
  queryKey: ["runs"],
  queryFn: async ({ signal }) => (await request<List<TrainingRun>>("/cairn/v1/training_runs", { signal })).data,
  refetchInterval: ({ state }) => (state.data?.some(going) ? POLL_MS : false),
});

export const run = (id: string) =>
  queryOptions({
    queryKey: ["runs", id],
    queryFn: ({ signal }) => request<TrainingRun>(`/cairn/v1/training_runs/${segment(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && going(state.data) ? 1000 : false),
  });

export const models = queryOptions({
  queryKey: ["models"],
  queryFn: async ({ signal }) => (await request<List<Model>>("/cairn/v1/models", { signal })).data,
});

export const model = (name: string) =>
  queryOptions({
    queryKey: ["models", name],
    queryFn: ({ signal }) => request<Model>(`/cairn/v1/models/${segment(name)}`, { signal }),
    refetchInterval: ({ state }) => (state.data?.state === "loading" ? POLL_MS : false),
  });

export const sources = queryOptions({
  queryKey: ["sources"],
  queryFn: ({ signal }) => listAll<Source>("/cairn/v1/sources", { signal }),
  refetchInterval: ({ state }) => (state.data?.items.some(isBusy) ? POLL_MS : SLOW_POLL_MS),
});

export const source = (id: string) =>
  queryOptions({
    queryKey: ["sources", id],
    queryFn: ({ signal }) => request<Source>(`/cairn/v1/sources/${segment(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && isBusy(state.data) ? POLL_MS : SLOW_POLL_MS),
  });

/** What is held of each thing at a source; `state` empty for all. */
export const sourceItems = (id: string, state: SourceItem["state"] | "") =>
  queryOptions({
    queryKey: ["sources", id, "items", state],
    queryFn: ({ signal }) =>
      listAll<SourceItem>(`/cairn/v1/sources/${segment(id)}/items${state && `?state=${state}`}`, {
        limit: 1000,
        signal,
      }),
  });

export const questionSets = queryOptions({
  queryKey: ["question_sets"],
  queryFn: ({ signal }) => listAll<QuestionSet>("/cairn/v1/question_sets", { signal }),
  refetchInterval: ({ state }) =>
    state.data?.items.some(({ status }) => status === "generating") ? POLL_MS : false,
});

export const evaluations = queryOptions({
  queryKey: ["evaluations"],
  queryFn: ({ signal }) => listAll<Evaluation>("/cairn/v1/evaluations", { signal, atMost: 500 }),
  refetchInterval: ({ state }) => (state.data?.items.some(isUnderWay) ? POLL_MS : false),
});

export const evaluation = (id: string) =>
  queryOptions({
    queryKey: ["evaluations", id],
    queryFn: ({ signal }) => request<Evaluation>(`/cairn/v1/evaluations/${segment(id)}`, { signal }),
    refetchInterval: ({ state }) => (state.data && isUnderWay(state.data) ? POLL_MS : false),
  });

/** What each configuration made of each question. */
export const evaluationResults = (id: string) =>
  queryOptions({
    queryKey: ["evaluations", id, "results"],
    queryFn: ({ signal }) =>
      listAll<EvaluationResult>(`/cairn/v1/evaluations/${segment(id)}/results`, {
        limit: 1000,
        atMost: 10_000,
        signal,
      }),
  });

export const keys = queryOptions({
  queryKey: ["keys"],
  queryFn: async ({ signal }) => (await request<List<ApiKey>>("/cairn/v1/keys", { signal })).data,
});

/** Deletes with their certificates, newest first; for editors. */
export const erasures = queryOptions({
  queryKey: ["erasures"],
  queryFn: ({ signal }) => listAll<Erasure>("/cairn/v1/erasures", { signal, atMost: 1000 }),
  refetchInterval: ({ state }) =>
    state.data?.items.some(({ status }) => status === "pending") ? SLOW_POLL_MS : false,
});
