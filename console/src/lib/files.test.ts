import { expect, test } from "vitest";
import { failureWords, textName } from "./files";

test("each failure names a remedy", () => {
  const words = (["unsupported_file", "invalid_file", "server_error"] as const).map((code) =>
    failureWords({ code, message: "" }),
  );
  expect(new Set(words.map(({ what }) => what)).size).toBe(3);
  expect(words[1]?.remedy).toContain("password");
  expect(words[2]?.remedy).toContain("Read it again");
});

test("a text is saved as text", () => {
  expect(textName("report.pdf")).toBe("report.pdf.txt");
  expect(textName("notes.TXT")).toBe("notes.TXT");
});
