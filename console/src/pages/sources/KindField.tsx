import { FormField, type Control } from "../../components/FormField";
import { sentence } from "../../lib/format";
import type { SourceField } from "../../lib/sourceFields";

interface KindFieldProps {
  field: SourceField;
  value: string;
  onChange: (text: string) => void;
  fault?: string;
  /** Whether the server keeps this secret. */
  kept: boolean;
  /** Whether it shall be dropped. */
  forgotten: boolean;
  onForget: (forget: boolean) => void;
}

/** One field of a kind of source. */
export function KindField({ field, value, onChange, fault, kept, forgotten, onForget }: KindFieldProps) {
  if (field.input === "check") {
    return (
      <label className="check wide">
        <input
          type="checkbox"
          name={field.name}
          checked={value === "true"}
          onChange={(event) => onChange(event.target.checked ? "true" : "")}
        />
        {field.label}
      </label>
    );
  }
  const forget = kept && !field.required && (
    <label className="check">
      <input type="checkbox" checked={forgotten} onChange={(event) => onForget(event.target.checked)} />
      Forget the one that is kept
    </label>
  );
  return (
    <FormField
      name={field.name}
      label={field.label}
      hint={field.hint}
      fault={fault === undefined ? undefined : sentence(fault)}
      required={field.required && !kept}
      wide={field.input === "block"}
      below={forget}
    >
      {(control) => <Input field={field} value={value} onChange={onChange} kept={kept && !forgotten} control={control} />}
    </FormField>
  );
}

interface InputProps extends Pick<KindFieldProps, "field" | "value" | "onChange" | "kept"> {
  control: Control;
}

function Input({ field, value, onChange, kept, control }: InputProps) {
  const { placeholder } = field;
  switch (field.input) {
    case "lines":
    case "block":
      return (
        <textarea
          {...control}
          rows={field.input === "block" ? 5 : 3}
          spellCheck={false}
          placeholder={placeholder}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    case "either":
      return (
        <select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">As usual</option>
          <option value="true">Yes</option>
          <option value="false">No</option>
        </select>
      );
    case "choice":
      return (
        <select
          {...control}
          value={value || field.choices[0]?.[0]}
          onChange={(event) => onChange(event.target.value)}
        >
          {field.choices.map(([choice, title]) => (
            <option key={choice} value={choice}>
              {title}
            </option>
          ))}
        </select>
      );
    case "secret":
      return (
        <input
          {...control}
          type="password"
          autoComplete="new-password"
          placeholder={kept ? "Kept; type another to replace it" : undefined}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    default:
      return (
        <input
          {...control}
          type={field.input === "day" ? "date" : "text"}
          inputMode={field.input === "number" ? "numeric" : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}
