import type { VectorStore } from "../../api/types";
import { FormField } from "../../components/FormField";
import { sentence } from "../../lib/format";
import { INTERVAL_UNITS, type Faults, type IntervalUnit, type SourceWish } from "../../lib/sourceForm";

type Basics = Pick<SourceWish, "name" | "store" | "readers" | "interval">;

interface SourceBasicsProps {
  basics: Basics;
  onChange: (part: Partial<Basics>) => void;
  faults: Faults;
  /** The stores to choose from; null where the store and the readers cannot be changed any more. */
  stores: VectorStore[] | null;
}

const UNIT_NAMES: Record<IntervalUnit, string> = {
  minutes: "minutes",
  hours: "hours",
  days: "days",
  seconds: "seconds",
  request: "on request only",
};

/** What every source has, of whatever kind it is. */
export function SourceBasics({ basics, onChange, faults, stores }: SourceBasicsProps) {
  const fault = (name: string) => {
    const text = faults[name];
    return text === undefined ? undefined : sentence(text);
  };
  return (
    <>
      {stores && (
        <FormField name="vector_store_id" label="Store that it fills" fault={fault("vector_store_id")} required>
          {(control) => (
            <select {...control} value={basics.store} onChange={(event) => onChange({ store: event.target.value })}>
              <option value="" disabled>
                Choose a store
              </option>
              {stores.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name || id}
                </option>
              ))}
            </select>
          )}
        </FormField>
      )}
      <FormField
        name="name"
        label="Name of the source"
        hint={stores ? "Empty: its kind." : undefined}
        fault={fault("name")}
        required={!stores}
      >
        {(control) => (
          <input
            {...control}
            autoComplete="off"
            value={basics.name}
            onChange={(event) => onChange({ name: event.target.value })}
          />
        )}
      </FormField>
      <Often interval={basics.interval} onChange={(interval) => onChange({ interval })} fault={fault("every_seconds")} />
      {stores && (
        <FormField
          name="attributes"
          label="Who may read its documents"
          hint="Users and groups, separated by commas. Empty: everyone of the tenant."
          fault={fault("attributes")}
        >
          {(control) => (
            <input
              {...control}
              autoComplete="off"
              placeholder="user:ada, group:board"
              value={basics.readers}
              onChange={(event) => onChange({ readers: event.target.value })}
            />
          )}
        </FormField>
      )}
    </>
  );
}

interface OftenProps {
  interval: Basics["interval"];
  onChange: (interval: Basics["interval"]) => void;
  fault: string | undefined;
}

/** How often it is looked at: a number with its unit, or on request only. */
function Often({ interval, onChange, fault }: OftenProps) {
  const { number, unit } = interval;
  return (
    <FormField
      name="every_seconds"
      label="Looked at every"
      hint="From a minute to thirty days, or only when somebody asks for it."
      fault={fault}
    >
      {(control) => (
        <div className="row tight">
          <input
            {...control}
            className="input short"
            inputMode="numeric"
            autoComplete="off"
            disabled={unit === "request"}
            value={unit === "request" ? "" : number}
            onChange={(event) => onChange({ number: event.target.value, unit })}
          />
          <select
            className="input grow"
            aria-label="Unit of the interval"
            value={unit}
            onChange={(event) => onChange({ number, unit: event.target.value as IntervalUnit })}
          >
            {INTERVAL_UNITS.filter((one) => one !== "seconds" || unit === "seconds").map((one) => (
              <option key={one} value={one}>
                {UNIT_NAMES[one]}
              </option>
            ))}
          </select>
        </div>
      )}
    </FormField>
  );
}
