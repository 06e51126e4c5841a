import type { Source, SourceCounts, SourceItem, SourceProgress, SourceRun } from "../api/types";
import { bytes, count, counted, duration } from "./format";

/** How a source is kept in step: in words. */

/** Whether something of it changes by itself right now. */
export function isBusy({ status }: Source): boolean {
  return status === "queued" || status === "syncing" || status === "removing";
}

/** What a run does: a share, words, and what is left, as far as that is known. */
export interface RunProgress {
  fraction: number;
  label: string;
  detail: string | null;
}

const PHASES: Record<SourceProgress["phase"], string> = {
  listing: "Looking what is there",
  reading: "Taking files",
  deleting: "Deleting what is gone",
  finishing: "Finishing",
};

export function runProgress(progress: SourceProgress): RunProgress {
  const { phase, items_total, items_done, bytes_total, bytes_done, eta_seconds, counts } = progress;
  const seen = `${counted(counts.seen, "item")} seen`;
  const label =
    items_total === 0
      ? `${PHASES[phase]}: ${seen}`
      : `${PHASES[phase]}: ${count(items_done)} of ${counted(items_total, "new or changed item", "new or changed items")}`;
  const detail = [
    ...(bytes_total > 0 ? [`${bytes(bytes_done)} of ${bytes(bytes_total)}`] : []),
    ...(eta_seconds === null ? [] : [`about ${duration(eta_seconds * 1000)} left`]),
  ];
  return {
    fraction: items_total === 0 ? 0 : items_done / items_total,
    label,
    detail: detail.length === 0 ? null : detail.join(" · "),
  };
}

/** How often it is looked at. */
export function everyWords(seconds: number): string {
  if (seconds === 0) return "on request only";
  const units = [
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ] as const;
  const [size, unit] = units.find(([size]) => seconds % size === 0) ?? [1, "second"];
  return seconds === size ? `every ${unit}` : `every ${counted(seconds / size, unit)}`;
}

const OUTCOMES: Record<SourceRun["outcome"], string> = {
  completed: "completed",
  failed: "failed",
  held: "put on hold",
  paused: "paused",
};

export function outcomeWords({ outcome }: SourceRun): string {
  return OUTCOMES[outcome] ?? outcome;
}

/** What a run did; what it did none of is left out. */
export function countsWords(counts: SourceCounts): string {
  const parts = [
    [counts.added, "new"],
    [counts.updated, "changed"],
    [counts.unchanged, "as before"],
    [counts.deleted, "deleted"],
    [counts.failed, "failed"],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, word]) => `${count(number)} ${word}`);
  return told.length === 0 ? "nothing to do" : told.join(", ");
}

/** What answers of an item while it is not as it is at the source. */
export function itemNote({ state, file_id }: SourceItem): string | null {
  switch (state) {
    case "pending":
      return file_id === null ? "being read" : "a new version is being read; the one before answers";
    case "failed":
      return file_id === null ? null : "an older version goes on answering";
    case "removed":
      return "deleted by somebody; comes back when it changes at the source";
    case "ready":
      return null;
  }
}

/** Where a source's documents come from, by the field that its type has for it. */
export function placeWords({ config }: Source): string {
  for (const name of ["url", "bucket", "host", "path"]) {
    const value = config[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return "–";
}
