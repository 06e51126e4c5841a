import { download } from "../lib/download";
import { textName } from "../lib/files";
import { call, request, segment } from "./client";
import type { FileText } from "./types";

/** Hands a file to the browser as it was uploaded. */
export async function downloadOriginal(fileId: string, filename: string): Promise<void> {
  const reply = await call(`/v1/files/${segment(fileId)}/content`);
  download(filename, await reply.blob());
}

/** Hands the whole text that was read from a file to the browser. */
export async function downloadText(fileId: string, filename: string): Promise<void> {
  const { text } = await request<FileText>(`/cairn/v1/files/${segment(fileId)}/text`);
  download(textName(filename), new Blob([text], { type: "text/plain;charset=utf-8" }));
}
