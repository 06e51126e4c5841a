import * as Radix from "@radix-ui/react-dialog";
import { useRef, useState, type ReactNode } from "react";
import { CloseIcon } from "./icons";
import { Problem } from "./Problem";

interface SheetProps {
  title: string;
  open: boolean;
  onClose: () => void;
  /** "sheet" slides in at the right (the whole screen on a phone), "box" stands in the middle. */
  shape: "sheet" | "box";
  children: ReactNode;
}

export function Dialog({ title, open, onClose, shape, children }: SheetProps) {
  // These dialogs have no trigger of Radix's own, to which it would give the focus back.
  const opener = useRef<Element | null>(null);
  const giveBack = (event: Event) => {
    event.preventDefault();
    const to = opener.current?.isConnected ? opener.current : document.getElementById("main");
    if (to instanceof HTMLElement) to.focus();
  };
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="overlay" />
        <Radix.Content
          className={`dialog ${shape}`}
          aria-describedby={undefined}
          onOpenAutoFocus={() => {
            opener.current = document.activeElement;
          }}
          onCloseAutoFocus={giveBack}
        >
          <div className="dialog-head">
            <Radix.Title className="dialog-title">{title}</Radix.Title>
            <Radix.Close className="icon-button" aria-label="Close" title="Close (Esc)">
              <CloseIcon />
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  /** The button that asks. */
  label: string;
  /** Accessible name where the label alone does not say what it acts on. */
  name?: string;
  title: string;
  children: ReactNode;
  /** Does it; the dialog stays with the error if it fails. */
  act: () => Promise<unknown>;
  /** The button that leaves everything as it is, where "Keep" could mean something else. */
  leave?: string;
  small?: boolean;
}

/** A button for what cannot be undone: asks first, says what will be gone. */
export function Confirm({ label, name, title, children, act, leave = "Keep", small }: ConfirmProps) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const close = () => {
    setOpen(false);
    setError(null);
  };
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
      close();
    } catch (cause) {
      setError(cause as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button
        type="button"
        className={small ? "link-button danger" : "button danger"}
        aria-label={name}
        onClick={() => setOpen(true)}
      >
        {label}
      </button>
      <Dialog title={title} open={open} onClose={close} shape="box">
        <div className="dialog-body">{children}</div>
        {error && <Problem what="That did not work." error={error} />}
        <div className="row end">
          <button type="button" className="button" onClick={close}>
            {leave}
          </button>
          <button type="button" className="button danger solid" disabled={busy} onClick={() => void go()}>
            {busy ? "Working…" : label}
          </button>
        </div>
      </Dialog>
    </>
  );
}
