import { useId, type ReactNode } from "react";

/** What a control of a form takes to be tied to its label, its hint and what is wrong with it. */
export interface Control {
  id: string;
  name: string;
  className: "input";
  "aria-required": true | undefined;
  "aria-invalid": true | undefined;
  "aria-describedby": string | undefined;
}

interface FormFieldProps {
  /** As the server names it, where it says what is wrong. */
  name: string;
  label: string;
  hint?: ReactNode;
  fault?: string;
  required?: boolean;
  /** Whether it takes the whole width of the form. */
  wide?: boolean;
  children: (control: Control) => ReactNode;
  /** What stands below the control, such as a choice that belongs to it. */
  below?: ReactNode;
}

/** A labelled control with its hint, and what is wrong with it where something is. */
export function FormField({ name, label, hint, fault, required, wide, children, below }: FormFieldProps) {
  const id = useId();
  const hinted = hint ? `${id}-hint` : undefined;
  const faulty = fault === undefined ? undefined : `${id}-fault`;
  const described = [faulty, hinted].filter((part) => part !== undefined).join(" ");
  return (
    <div className={wide ? "field wide" : "field"}>
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      {children({
        id,
        name,
        className: "input",
        "aria-required": required || undefined,
        "aria-invalid": fault === undefined ? undefined : true,
        "aria-describedby": described === "" ? undefined : described,
      })}
      {fault !== undefined && (
        <span className="fault" id={faulty}>
          {fault}
        </span>
      )}
      {hint && (
        <span className="hint" id={hinted}>
          {hint}
        </span>
      )}
      {below}
    </div>
  );
}

/** Puts the focus on the first control of a form that something is wrong with; unfolds what hides it. */
export function focusFault(form: HTMLFormElement | null): void {
  const control = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  control?.closest("details")?.setAttribute("open", "");
  control?.focus();
}
