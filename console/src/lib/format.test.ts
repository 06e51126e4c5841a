import { expect, test } from "vitest";
import { ago, ahead, bytes, count, counted, csv, duration, figure, percent, remaining, sqlName } from "./format";

test("counts are grouped and agree in number", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect(counted(1, "file")).toBe("1 file");
  expect(counted(0, "query", "queries")).toBe("0 queries");
});

test("bytes step up by thousands and never show 1000 of a unit", () => {
  expect(bytes(0)).toBe("0 B");
  expect(bytes(999)).toBe("999 B");
  expect(bytes(1500)).toBe("1.5 kB");
  expect(bytes(999_999)).toBe("1.0 MB");
  expect(bytes(123_456_789)).toBe("123 MB");
});

test("durations choose the unit that reads best", () => {
  expect(duration(0.3)).toBe("0.30 ms");
  expect(duration(640.4)).toBe("640 ms");
  expect(duration(1_449)).toBe("1.4 s");
  expect(duration(125_000)).toBe("2 min 05 s");
  expect(duration(12_000_000)).toBe("3 h 20 min");
  expect(duration(3 * 86_400_000)).toBe("3 d 0 h");
});

test("figures keep four digits and say when there is none", () => {
  expect(figure(0.876543)).toBe("0.8765");
  expect(figure(1)).toBe("1");
  expect(figure(12345.678)).toBe("12,345.7");
  expect(figure(0.00000321)).toBe("3.210e-6");
  expect(figure(null)).toBe("–");
  expect(percent(0.6512, 1)).toBe("65.1 %");
});

test("times are relative while fresh", () => {
  const now = 1_700_000_000_000;
  expect(ago(1_700_000_000, now)).toBe("just now");
  expect(ago(1_700_000_000 - 300, now)).toBe("5 min ago");
  expect(ago(1_700_000_000 - 7200, now)).toBe("2 h ago");
  expect(ago(1_700_000_000 - 86_400, now)).toBe("1 day ago");
  expect(ago(1_700_000_000 - 86_400 * 40, now)).toMatch(/2023/);
});

test("an estimate appears only once it means something", () => {
  expect(remaining(10_000, 0.01)).toBeNull();
  expect(remaining(10_000, 0.5)).toBe("about 10.0 s left");
  expect(remaining(10_000, 1)).toBeNull();
});

test("csv quotes what must be quoted", () => {
  expect(csv(["a", "b"], [["x,y", 'say "hi"'], [null, 2]])).toBe('a,b\r\n"x,y","say ""hi"""\r\n,2\r\n');
  expect(sqlName('odd"name')).toBe('"odd""name"');
});

test("times to come are told from now on", () => {
  expect(ahead(100, 100_000)).toBe("now");
  expect(ahead(50, 100_000)).toBe("now");
  expect(ahead(400, 100_000)).toBe("in 5 min");
  expect(ahead(100 + 7200, 100_000)).toBe("in 2 h");
  expect(ahead(100 + 86_400, 100_000)).toBe("in 1 day");
});
