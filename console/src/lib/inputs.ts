import type { Cell, Tensor } from "../api/types";

/** How a model's input is asked for in a form. */
export type InputKind = "integer" | "number" | "boolean" | "timestamp" | "text";

/** The field for an input: by what its column holds, else by its datatype's name. */
export function inputKind(tensor: Tensor): InputKind {
  if (tensor.kind === "boolean" || tensor.kind === "timestamp") return tensor.kind;
  const datatype = tensor.datatype.toUpperCase();
  if (datatype === "BOOL") return "boolean";
  if (/^U?INT/.test(datatype)) return "integer";
  if (/^(FP|BF|DOUBLE|FLOAT)/.test(datatype)) return "number";
  return "text";
}

/** What a form field holds, as the row sends it; an empty field is a missing value. */
export function inputValue(kind: InputKind, text: string): Cell {
  if (text === "") return null;
  if (kind === "boolean") return text === "true";
  return kind === "text" || kind === "timestamp" ? text : Number(text);
}

/** A cell of a table as a form field's text. */
export function inputText(cell: Cell | undefined): string {
  return cell === null || cell === undefined ? "" : String(cell);
}
