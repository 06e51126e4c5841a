import { expect, test } from "vitest";
import { attributeRows, attributesOf, emptyRow, rowFaults, withKind, type AttributeRow } from "./attributes";

const row = (id: number, name: string, value: string, kind: AttributeRow["kind"] = "text") => ({ id, name, kind, value });

test("attributes go through a form unchanged", () => {
  const attributes = { author: "Ada", year: 1843, draft: false, note: "" };
  const rows = attributeRows(attributes);
  expect(rows.map(({ kind }) => kind)).toEqual(["text", "number", "boolean", "text"]);
  expect(rowFaults(rows)).toEqual({});
  expect(attributesOf(rows)).toEqual(attributes);
});

test("a new row has an id of its own", () => {
  expect(emptyRow([])).toEqual(row(0, "", ""));
  expect(emptyRow([row(4, "a", ""), row(1, "b", "")]).id).toBe(5);
});

test("another kind keeps what it can hold", () => {
  expect(withKind(row(0, "n", "12"), "number").value).toBe("12");
  expect(withKind(row(0, "n", "twelve"), "number").value).toBe("");
  expect(withKind(row(0, "n", "maybe"), "boolean").value).toBe("false");
  expect(withKind(row(0, "n", "true", "boolean"), "text").value).toBe("true");
});

test("what the server would refuse is told at its row", () => {
  const rows = [
    row(0, " ", "x"),
    row(1, "year", "", "number"),
    row(2, "year ", "2024", "number"),
    row(3, "x".repeat(65), "y".repeat(513)),
    row(4, "cairn.access", "public"),
    row(5, "🗿".repeat(64), "12,5", "number"),
  ];
  const faults = rowFaults(rows);
  expect(faults[0]?.name).toMatch(/Name it/);
  expect(faults[1]).toEqual({ value: expect.stringMatching(/number/) });
  expect(faults[2]).toEqual({ name: expect.stringMatching(/already/) });
  expect(faults[3]).toEqual({ name: expect.stringMatching(/64/), value: expect.stringMatching(/512/) });
  expect(faults[4]?.name).toMatch(/program/);
  expect(faults[5]).toEqual({ value: expect.stringMatching(/number/) });
});
