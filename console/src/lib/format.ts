/** Numbers and times as people read them. Every figure carries its unit. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

export function count(value: number): string {
  return whole.format(value);
}

/** "1 file", "2,000 files". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : 1;
  return `${size.toFixed(digits)} ${units[unit]}`;
}

/** A length of time in milliseconds: "640 ms", "1.4 s", "2 min 05 s", "3 h 20 min". */
export function duration(ms: number): string {
  if (ms < 0.95) return `${ms.toFixed(2)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

export function percent(fraction: number, digits = 0): string {
  return `${(fraction * 100).toFixed(digits)} %`;
}

/** A score or metric: four significant digits, without an exponent where one can do without. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return count(value);
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(3);
  if (size >= 1000) return new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format(value);
  return String(Number(value.toPrecision(4)));
}

/** Unix seconds to a full local time. */
export function moment(seconds: number): string {
  return clock.format(seconds * 1000);
}

/** Unix seconds to "just now", "5 min ago", "3 h ago", "2 days ago", then the date. */
export function ago(seconds: number, nowMs: number): string {
  const passed = Math.max(0, nowMs / 1000 - seconds);
  if (passed < 45) return "just now";
  if (passed < 3600) return `${Math.max(1, Math.round(passed / 60))} min ago`;
  if (passed < 86_400) return `${Math.round(passed / 3600)} h ago`;
  if (passed < 14 * 86_400) return counted(Math.round(passed / 86_400), "day") + " ago";
  return new Intl.DateTimeFormat("en", { dateStyle: "medium" }).format(seconds * 1000);
}

/** Unix seconds that are to come: "now", "in 5 min", "in 3 h", "in 2 days". */
export function ahead(seconds: number, nowMs: number): string {
  const left = seconds - nowMs / 1000;
  if (left < 45) return "now";
  if (left < 3600) return `in ${Math.max(1, Math.round(left / 60))} min`;
  if (left < 86_400) return `in ${Math.round(left / 3600)} h`;
  return `in ${counted(Math.round(left / 86_400), "day")}`;
}

/** What is left of a work that has run `elapsedMs` and done `fraction`; null while unknowable. */
export function remaining(elapsedMs: number, fraction: number): string | null {
  if (fraction < 0.02 || fraction >= 1 || elapsedMs < 500) return null;
  return `about ${duration((elapsedMs / fraction) * (1 - fraction))} left`;
}

/** A table cell as text; a missing value is an empty string. */
export function cell(value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

/** Rows as RFC 4180 CSV. */
export function csv(header: string[], rows: (string | number | boolean | null)[][]): string {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...rows].map((row) => row.map((value) => quote(cell(value))).join(",")).join("\r\n") + "\r\n";
}

/** A phrase as a sentence: capital first, full stop last. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** An SQL identifier, quoted so that any table name may stand in a query. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
