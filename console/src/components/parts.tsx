import type { ReactNode } from "react";
import { ago, ahead, moment } from "../lib/format";
import { useNow } from "../lib/hooks";
import { Command } from "./Copy";

/** The first line of a page. */
export function PageHead({ title, above, children }: { title: string; above?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div>
        {above && <div className="above">{above}</div>}
        <h1>{title}</h1>
      </div>
      {children && <div className="row">{children}</div>}
    </header>
  );
}

/** What a list shows when it is empty: what to do first, with the exact command. */
export function Empty({ title, command, children }: { title: string; command?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children && <p>{children}</p>}
      {command && <Command text={command} />}
    </div>
  );
}

const TONES: Record<string, string> = {
  ready: "good",
  completed: "good",
  succeeded: "good",
  done: "good",
  loading: "busy",
  running: "busy",
  queued: "busy",
  in_progress: "busy",
  syncing: "busy",
  pending: "busy",
  generating: "busy",
  removing: "busy",
  idle: "good",
  failed: "bad",
  on_hold: "bad",
};

const WORDS: Record<string, string> = {
  in_progress: "processing",
  completed: "ready",
  pending: "being read",
  idle: "in step",
  on_hold: "on hold",
};

/** A state in a word, with a dot whose colour only repeats the word. */
export function State({ value }: { value: string }) {
  return <span className={`state ${TONES[value] ?? "still"}`}>{WORDS[value] ?? value}</span>;
}

/** Progress of a long work: a bar, a number and, where one can be made, an estimate. */
export function Progress({ fraction, label, detail }: { fraction: number; label: string; detail?: ReactNode }) {
  const percent = Math.round(Math.max(0, Math.min(1, fraction)) * 100);
  return (
    <div className="progress">
      <div className="progress-words">
        <span>{label}</span>
        <span className="muted numeric">
          {percent} %{detail && <> · {detail}</>}
        </span>
      </div>
      <progress value={percent} max={100} aria-label={label} />
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p className="loading muted" role="status">
      Reading {what}…
    </p>
  );
}

/** When something happened, relative, with the full time in the title. */
export function When({ seconds }: { seconds: number }) {
  const now = useNow(30_000);
  return (
    <time dateTime={new Date(seconds * 1000).toISOString()} title={moment(seconds)}>
      {ago(seconds, now)}
    </time>
  );
}

/** When something will happen, from now on, with the full time in the title. */
export function Until({ seconds }: { seconds: number }) {
  const now = useNow(15_000);
  return (
    <time dateTime={new Date(seconds * 1000).toISOString()} title={moment(seconds)}>
      {ahead(seconds, now)}
    </time>
  );
}

/** The time that the figures above it are from. */
export function AsOf({ ms }: { ms: number }) {
  if (ms === 0) return null;
  return <p className="as-of">As of {new Date(ms).toLocaleTimeString("en", { hour12: false })}</p>;
}

/** One labelled figure. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A labelled field; the control inside the label takes its name from it. */
export function Field({ label, hint, children }: { label: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <label className="field">
      <span className="field-label">{label}</span>
      {children}
      {hint && <span className="hint">{hint}</span>}
    </label>
  );
}

/** A share as a bar with its number. */
export function Share({ label, fraction, text }: { label: ReactNode; fraction: number; text: string }) {
  return (
    <div className="share">
      <span className="share-label">{label}</span>
      <span className="share-bar" aria-hidden="true">
        <span style={{ width: `${Math.max(0, Math.min(1, fraction)) * 100}%` }} />
      </span>
      <span className="numeric">{text}</span>
    </div>
  );
}
