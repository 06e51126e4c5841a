import { expect, test } from "vitest";
import type { Source } from "../api/types";
import { SOURCE_FIELDS, SOURCE_KINDS } from "./sourceFields";
import {
  intervalOf,
  intervalSeconds,
  newSource,
  refusalFault,
  secretsOf,
  sourceChange,
  sourceConfig,
  sourceFaults,
  sourceKind,
  textsOf,
  type SourceWish,
} from "./sourceForm";

const wish: SourceWish = {
  kind: "folder",
  texts: { path: " /srv/documents " },
  forgotten: [],
  name: "",
  store: "vs_1",
  readers: "",
  interval: { number: "1", unit: "hours" },
};

/** A source of Git as the server shows it. */
const repository = {
  id: "src_1",
  name: "Docs",
  type: "git",
  every_seconds: 3600,
  config: {
    type: "git",
    url: "https://example.com/docs.git",
    branch: null,
    path: "",
    include: ["*.md"],
    exclude: [],
    username: null,
    token: "[redacted]",
  },
} as unknown as Source;

const unchanged: SourceWish = {
  ...wish,
  kind: "git",
  texts: textsOf("git", repository.config),
  name: "Docs",
};

test("what is empty is left out, and lists are lines", () => {
  expect(newSource(wish)).toEqual({
    vector_store_id: "vs_1",
    config: { type: "folder", path: "/srv/documents" },
    every_seconds: 3600,
  });
  const texts = { path: "/srv", include: "*.md\n\n reports/** \n", hidden: "true" };
  expect(newSource({ ...wish, texts, name: " Handbook ", readers: "group:board" })).toEqual({
    vector_store_id: "vs_1",
    name: "Handbook",
    config: { type: "folder", path: "/srv", include: ["*.md", "reports/**"], hidden: true },
    every_seconds: 3600,
    attributes: { "cairn.access": "group:board" },
  });
});

test("numbers, choices and secrets are sent as they are meant", () => {
  const imap = { host: "imap.example.com", username: "ada", password: " p w ", port: "1993", tls: "starttls" };
  expect(sourceConfig({ kind: "imap", texts: imap, forgotten: [] })).toEqual({
    type: "imap",
    host: "imap.example.com",
    username: "ada",
    password: " p w ",
    port: 1993,
    tls: "starttls",
  });
  const s3 = { bucket: "docs", virtual_hosted: "false" };
  expect(sourceConfig({ kind: "s3", texts: s3, forgotten: [] })).toEqual({
    type: "s3",
    bucket: "docs",
    virtual_hosted: false,
  });
});

test("a source that is not changed sends nothing", () => {
  expect(unchanged.texts).toEqual({ url: "https://example.com/docs.git", path: "", include: "*.md", exclude: "" });
  expect(secretsOf("git", repository.config)).toEqual(["token"]);
  expect(secretsOf("git", { ...repository.config, token: null })).toEqual([]);
  expect(sourceChange(repository, unchanged)).toBeNull();
});

test("only what is changed is sent, and the configuration goes whole", () => {
  const slower: SourceWish = { ...unchanged, interval: { number: "2", unit: "days" } };
  expect(sourceChange(repository, slower)).toEqual({ every_seconds: 172_800 });
  expect(sourceChange(repository, { ...unchanged, name: "Guides" })).toEqual({ name: "Guides" });
  const branched = { ...unchanged, texts: { ...unchanged.texts, branch: "main" } };
  expect(sourceChange(repository, branched)).toEqual({
    config: { type: "git", url: "https://example.com/docs.git", branch: "main", include: ["*.md"] },
  });
});

test("a secret is replaced where one is typed, and dropped only when that is asked", () => {
  const typed = { ...unchanged, texts: { ...unchanged.texts, token: "new" } };
  expect(sourceChange(repository, typed)?.config).toMatchObject({ token: "new" });
  expect(sourceChange(repository, { ...unchanged, forgotten: ["token"] })?.config).toMatchObject({ token: null });
});

test("what has no field here stays", () => {
  const newer = { ...repository, config: { ...repository.config, depth: 1 } };
  const branched = { ...unchanged, texts: { ...unchanged.texts, branch: "main" } };
  expect(sourceChange(newer, branched)?.config).toMatchObject({ depth: 1, branch: "main" });
});

test("what is missing or no number is told at its field", () => {
  expect(sourceFaults(wish)).toEqual({});
  const bare = { ...wish, texts: {}, store: "", interval: { number: "0", unit: "hours" as const } };
  expect(Object.keys(sourceFaults(bare)).sort()).toEqual(["every_seconds", "path", "vector_store_id"]);
  const mail = { ...wish, kind: "imap" as const, texts: { host: "h", username: "u", port: "1e3" } };
  expect(Object.keys(sourceFaults(mail)).sort()).toEqual(["password", "port"]);
  expect(Object.keys(sourceFaults(mail, ["password"]))).toEqual(["port"]);
});

test("a refusal stands at the field that it names", () => {
  expect(refusalFault("folder", "path", "No.")).toEqual({ path: "No." });
  expect(refusalFault("git", "config.url", "No.")).toEqual({ url: "No." });
  expect(refusalFault("folder", "url", "No.")).toEqual({});
  expect(refusalFault("folder", null, "No.")).toEqual({});
});

test("an interval is shown in the largest unit that fits", () => {
  expect(intervalOf(86_400)).toEqual({ number: "1", unit: "days" });
  expect(intervalOf(5400)).toEqual({ number: "90", unit: "minutes" });
  expect(intervalOf(61)).toEqual({ number: "61", unit: "seconds" });
  expect(intervalOf(0).unit).toBe("request");
  for (const seconds of [0, 60, 61, 3600, 7200, 2_592_000]) {
    expect(intervalSeconds(intervalOf(seconds))).toBe(seconds);
  }
});

test("each kind has fields of its own names, and other kinds are not known", () => {
  for (const kind of SOURCE_KINDS) {
    const names = SOURCE_FIELDS[kind].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(SOURCE_FIELDS[kind].some(({ required }) => required)).toBe(true);
    // A field that must be filled is never folded away.
    expect(SOURCE_FIELDS[kind].some(({ required, more }) => required && more)).toBe(false);
  }
  expect(sourceKind("git")).toBe("git");
  expect(sourceKind("pigeon")).toBeUndefined();
});
