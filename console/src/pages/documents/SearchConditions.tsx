import { useEffect, useId, useRef } from "react";
import type { ComparisonType } from "../../api/types";
import {
  COMPARISONS,
  CREATED_AT,
  isListed,
  NO_CONDITION,
  OWN_KEYS,
  VALUE_KINDS,
  type Condition,
  type SearchOptions,
  type ValueKind,
} from "../../lib/search";

interface SearchConditionsProps {
  options: SearchOptions;
  /** Attributes that are known, to choose from. */
  keys: string[];
  faults: Record<string, string>;
  onChange: (change: Pick<SearchOptions, "join" | "conditions">) => void;
}

/** What the attributes of a file must be for its passages to be found. */
export function SearchConditions({ options, keys, faults, onChange }: SearchConditionsProps) {
  const { join, conditions } = options;
  const list = useId();
  const group = useRef<HTMLFieldSetElement>(null);
  const count = useRef(conditions.length);
  // The focus goes to a condition that is added, and does not get lost with one that is removed.
  useEffect(() => {
    if (count.current === conditions.length) return;
    const added = conditions.length > count.current;
    count.current = conditions.length;
    const all = group.current?.querySelectorAll<HTMLElement>(added ? "[data-first]" : "[data-add]");
    all?.item(all.length - 1).focus();
  }, [conditions.length]);
  const set = (at: number, change: Partial<Condition>) =>
    onChange({ join, conditions: conditions.map((one, other) => (other === at ? { ...one, ...change } : one)) });
  return (
    <fieldset className="conditions" ref={group}>
      <legend className="field-label">Only files whose attributes match</legend>
      <datalist id={list}>
        {[...new Set([...keys, ...OWN_KEYS])].map((key) => (
          <option key={key} value={key} />
        ))}
      </datalist>
      {conditions.map((condition, at) => (
        <ConditionRow
          key={at}
          condition={condition}
          number={at + 1}
          list={list}
          keyFault={faults[`key.${at}`]}
          valueFault={faults[`value.${at}`]}
          onChange={(change) => set(at, change)}
          onRemove={() => onChange({ join, conditions: conditions.filter((_, other) => other !== at) })}
        />
      ))}
      <div className="row">
        <button
          type="button"
          className="link-button"
          data-add
          onClick={() => onChange({ join, conditions: [...conditions, NO_CONDITION] })}
        >
          Add a condition
        </button>
        {conditions.length > 1 && (
          <select
            className="input"
            aria-label="How the conditions are joined"
            value={join}
            onChange={(event) => onChange({ join: event.target.value === "or" ? "or" : "and", conditions })}
          >
            <option value="and">All of them hold (and)</option>
            <option value="or">Any of them holds (or)</option>
          </select>
        )}
      </div>
    </fieldset>
  );
}

interface ConditionRowProps {
  condition: Condition;
  number: number;
  /** The id of the list of known attributes. */
  list: string;
  keyFault: string | undefined;
  valueFault: string | undefined;
  onChange: (change: Partial<Condition>) => void;
  onRemove: () => void;
}

function ConditionRow({ condition, number, list, keyFault, valueFault, onChange, onRemove }: ConditionRowProps) {
  const { key, type, kind } = condition;
  const faults = useId();
  const faulty = keyFault !== undefined || valueFault !== undefined;
  const kinds = Object.entries(VALUE_KINDS).filter(([name]) => !isListed(type) || isLine(name));
  const compare = (next: ComparisonType) => {
    // Yes, no and days are not listed: what was typed as one of them is a text from then on.
    onChange(isListed(next) && !isLine(kind) ? { type: next, kind: "text", value: "" } : { type: next });
  };
  return (
    <div className="condition" role="group" aria-label={`Condition ${number}`}>
      <input
        className="input"
        aria-label={`Attribute of condition ${number}`}
        aria-invalid={keyFault === undefined ? undefined : true}
        aria-describedby={faulty ? faults : undefined}
        placeholder="Attribute"
        autoComplete="off"
        data-first
        list={list}
        value={key}
        onChange={(event) => onChange(attribute(event.target.value, condition))}
      />
      <select
        className="input"
        aria-label={`Comparison of condition ${number}`}
        value={type}
        onChange={(event) => compare(event.target.value as ComparisonType)}
      >
        {Object.entries(COMPARISONS).map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
      <select
        className="input"
        aria-label={`Kind of value of condition ${number}`}
        value={kind}
        onChange={(event) => onChange({ kind: event.target.value as ValueKind, value: "" })}
      >
        {kinds.map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
      <ConditionValue
        condition={condition}
        number={number}
        fault={valueFault === undefined ? undefined : faults}
        onChange={(value) => onChange({ value })}
      />
      <button type="button" className="link-button" aria-label={`Remove condition ${number}`} onClick={onRemove}>
        Remove
      </button>
      {faulty && (
        <span className="fault" id={faults}>
          {[keyFault, valueFault].filter(Boolean).join(" ")}
        </span>
      )}
    </div>
  );
}

const isLine = (kind: string) => kind === "text" || kind === "number";

/** A new name of the attribute; a time of the program's own is compared with days. */
function attribute(key: string, { kind, value, type }: Condition): Partial<Condition> {
  return key === CREATED_AT && kind === "text" && value === "" && !isListed(type) ? { key, kind: "day" } : { key };
}

interface ConditionValueProps {
  condition: Condition;
  number: number;
  /** The id of the words that say what is wrong with it. */
  fault: string | undefined;
  onChange: (value: string) => void;
}

function ConditionValue({ condition: { type, kind, value }, number, fault, onChange }: ConditionValueProps) {
  const common = {
    className: "input",
    "aria-label": `Value of condition ${number}`,
    "aria-invalid": fault === undefined ? undefined : true,
    "aria-describedby": fault,
  };
  if (isListed(type)) {
    return (
      <textarea
        {...common}
        rows={3}
        placeholder="One value on a line"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  }
  if (kind === "flag") {
    return (
      <select {...common} value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">Choose…</option>
        <option value="true">Yes</option>
        <option value="false">No</option>
      </select>
    );
  }
  return (
    <input
      {...common}
      type={kind === "day" ? "date" : "text"}
      inputMode={kind === "number" ? "decimal" : undefined}
      placeholder={kind === "day" ? undefined : "Value"}
      autoComplete="off"
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
