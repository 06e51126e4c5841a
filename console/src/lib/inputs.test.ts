import { expect, test } from "vitest";
import { inputKind, inputText, inputValue } from "./inputs";

const kind = (datatype: string) => inputKind({ name: "x", datatype, shape: [-1, 1] });

test("a model's datatypes become form fields", () => {
  expect(["INT64", "uint8", "FP32", "FP64", "BOOL", "BYTES"].map(kind)).toEqual([
    "integer",
    "integer",
    "number",
    "number",
    "boolean",
    "text",
  ]);
});

test("what a column holds goes before how its tensor is stored", () => {
  const stored = { name: "x", datatype: "FP32", shape: [-1, 1] };
  expect(inputKind({ ...stored, kind: "boolean" })).toBe("boolean");
  expect(inputKind({ ...stored, kind: "timestamp" })).toBe("timestamp");
  expect(inputKind({ ...stored, kind: "numeric" })).toBe("number");
  expect(inputValue("timestamp", "2024-05-31")).toBe("2024-05-31");
});

test("an empty field is missing, not zero or an empty word", () => {
  expect(inputValue("number", "")).toBeNull();
  expect(inputValue("text", "")).toBeNull();
  expect(inputValue("number", "1.5")).toBe(1.5);
  expect(inputValue("boolean", "false")).toBe(false);
  expect(inputValue("text", "007")).toBe("007");
  expect(inputText(null)).toBe("");
  expect(inputText(0)).toBe("0");
});
