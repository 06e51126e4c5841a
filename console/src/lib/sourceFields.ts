/** What each kind of source is asked for: as its configuration names it, in the order of the form. */

export const SOURCE_KINDS = ["folder", "website", "s3", "git", "imap"] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

export const KIND_NAMES: Record<SourceKind, string> = {
  folder: "A folder of the server",
  website: "A website",
  s3: "A bucket (S3)",
  git: "A Git repository",
  imap: "Mailboxes (IMAP)",
};

interface FieldBase {
  name: string;
  label: string;
  hint?: string;
  /** Shown while it is empty: an example, or the server's default. */
  placeholder?: string;
  required?: true;
  /** Seldom set: below the rest, folded away. */
  more?: true;
}

/**
 * A field by how it is typed: `lines` are a list, one a line; `block` is text of many lines;
 * `either` is yes, no, or the server's choice; a `secret` is never shown again.
 */
export type SourceField =
  | (FieldBase & { input: "text" | "lines" | "block" | "secret" | "check" | "either" | "day" })
  | (FieldBase & { input: "number"; min: number; max: number })
  | (FieldBase & { input: "choice"; choices: readonly (readonly [value: string, title: string])[] });

const takes = (example: string): SourceField[] => [
  {
    name: "include",
    label: "Take only",
    input: "lines",
    hint: `Patterns, one a line, such as ${example}. Empty: everything.`,
  },
  {
    name: "exclude",
    label: "Leave out",
    input: "lines",
    hint: "Patterns, one a line, such as drafts/. They win over what is taken.",
  },
];

export const SOURCE_FIELDS: Record<SourceKind, SourceField[]> = {
  folder: [
    {
      name: "path",
      label: "Path of the folder",
      input: "text",
      required: true,
      placeholder: "/srv/documents",
      hint: "Its whole path on the server’s machine, in a folder that the server’s configuration allows.",
    },
    ...takes("*.md or reports/**"),
    { name: "hidden", label: "Take hidden files and folders too", input: "check", more: true },
  ],
  website: [
    {
      name: "url",
      label: "Address",
      input: "text",
      required: true,
      placeholder: "https://example.com/docs/",
      hint: "Pages of this host at or below this path are taken, and the documents they link to there.",
    },
    ...takes("docs/**"),
    {
      name: "sitemap",
      label: "Sitemap",
      input: "text",
      placeholder: "auto",
      hint: "auto: the pages that the site’s own lists, else links. none: links. Or a sitemap’s address.",
      more: true,
    },
    {
      name: "max_pages",
      label: "Most pages and files of a run",
      input: "number",
      min: 1,
      max: 100_000,
      placeholder: "500",
      more: true,
    },
    {
      name: "max_depth",
      label: "Most links from the first page",
      input: "number",
      min: 0,
      max: 100,
      placeholder: "10",
      more: true,
    },
    {
      name: "delay_ms",
      label: "Pause between two requests, in milliseconds",
      input: "number",
      min: 0,
      max: 60_000,
      placeholder: "500",
      hint: "The site’s own Crawl-delay counts where it is longer.",
      more: true,
    },
    {
      name: "user_agent",
      label: "What to call ourselves",
      input: "text",
      hint: "As in name/1.0 (contact). robots.txt is read for the name.",
      more: true,
    },
  ],
  s3: [
    { name: "bucket", label: "Bucket", input: "text", required: true, placeholder: "my-bucket" },
    { name: "region", label: "Region", input: "text", placeholder: "us-east-1" },
    {
      name: "endpoint",
      label: "Address of the server",
      input: "text",
      placeholder: "https://minio.example.com:9000",
      hint: "Empty: Amazon’s.",
    },
    {
      name: "prefix",
      label: "What the keys begin with",
      input: "text",
      placeholder: "reports/",
      hint: "Empty: the whole bucket.",
    },
    {
      name: "access_key_id",
      label: "Access key id",
      input: "text",
      hint: "Empty, with the secret: only what everyone may read.",
    },
    { name: "secret_access_key", label: "Secret access key", input: "secret" },
    ...takes("*.pdf"),
    {
      name: "session_token",
      label: "Session token",
      input: "secret",
      hint: "What belongs to a key that expires.",
      more: true,
    },
    {
      name: "virtual_hosted",
      label: "The bucket’s name is part of the host’s",
      input: "either",
      hint: "As usual: for Amazon, where the name has no dot.",
      more: true,
    },
  ],
  git: [
    {
      name: "url",
      label: "Address",
      input: "text",
      required: true,
      placeholder: "https://example.com/team/docs.git",
    },
    { name: "branch", label: "Branch", input: "text", hint: "Empty: the repository’s own choice." },
    {
      name: "path",
      label: "Folder in it",
      input: "text",
      placeholder: "docs/guides",
      hint: "Empty: the whole repository.",
    },
    {
      name: "token",
      label: "Token",
      input: "secret",
      hint: "For a repository that is not open to everyone.",
    },
    { name: "username", label: "User that the token belongs to", input: "text", hint: "Many servers take any." },
    ...takes("*.md or docs/**"),
  ],
  imap: [
    { name: "host", label: "Server", input: "text", required: true, placeholder: "imap.example.com" },
    { name: "username", label: "User", input: "text", required: true },
    {
      name: "password",
      label: "Password",
      input: "secret",
      required: true,
      hint: "Many providers want one of its own for every program.",
    },
    {
      name: "mailboxes",
      label: "Mailboxes",
      input: "lines",
      placeholder: "INBOX",
      hint: "Names, one a line. * is anything, % anything within a level.",
    },
    { name: "since", label: "Only messages since", input: "day" },
    {
      name: "tls",
      label: "How the connection is made safe",
      input: "choice",
      choices: [
        ["implicit", "From the first byte on (port 993)"],
        ["starttls", "STARTTLS (port 143)"],
      ],
      more: true,
    },
    { name: "port", label: "Port", input: "number", min: 1, max: 65_535, hint: "Empty: the usual one.", more: true },
    {
      name: "ca_certificate",
      label: "Certificate to trust",
      input: "block",
      placeholder: "-----BEGIN CERTIFICATE-----",
      hint: "In PEM: what the server’s own rests on, where that is not generally trusted.",
      more: true,
    },
  ],
};
