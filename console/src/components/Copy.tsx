import { useEffect, useState } from "react";
import { CheckIcon, CopyIcon } from "./icons";

interface CopyProps {
  text: string;
  /** What is copied, for the button's name: "Copy request id". */
  what: string;
  /** Shows the name in words, not only as an icon. */
  words?: boolean;
}

/** A small button that copies a text and says so. */
export function Copy({ text, what, words }: CopyProps) {
  const [state, setState] = useState<"idle" | "copied" | "refused">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 1600);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () =>
    void Promise.resolve()
      .then(() => navigator.clipboard.writeText(text))
      .then(() => setState("copied"))
      .catch(() => setState("refused"));
  const label = { idle: `Copy ${what}`, copied: "Copied", refused: "The browser does not let this page copy" }[state];
  if (words) {
    return (
      <button type="button" className="link-button" onClick={copy}>
        {label}
      </button>
    );
  }
  return (
    <button type="button" className="icon-button small" onClick={copy} aria-label={label} title={label}>
      {state === "copied" ? <CheckIcon /> : <CopyIcon />}
    </button>
  );
}

/** A long id or hash, shortened, with the whole of it to copy and in the title. */
export function Id({ value, what, length = 12 }: { value: string; what: string; length?: number }) {
  const short = value.length > length + 1 ? `${value.slice(0, length)}…` : value;
  return (
    <span className="id">
      <code title={value}>{short}</code>
      <Copy text={value} what={what} />
    </span>
  );
}

/** A command to run in a terminal. */
export function Command({ text }: { text: string }) {
  return (
    <span className="command">
      <code>{text}</code>
      <Copy text={text} what="command" />
    </span>
  );
}
