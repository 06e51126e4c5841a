import type { VectorStoreFile } from "../api/types";

/** A file of a store in words. */

type Failure = NonNullable<VectorStoreFile["last_error"]>;

/** What went wrong, and what to do where the server's own words do not help. */
export function failureWords({ code }: Failure): { what: string; remedy: string } {
  switch (code) {
    case "unsupported_file":
      return {
        what: "The reader does not know this kind of file.",
        remedy: "Save it in a kind that is read, such as PDF, DOCX or plain text, and add that file instead.",
      };
    case "invalid_file":
      return {
        what: "The file itself cannot be read.",
        remedy:
          "Mend it, or save it anew without a password, and add it again. Reading the same bytes again helps only " +
          "where the server has changed since.",
      };
    default:
      return {
        what: "The server failed while it read the file.",
        remedy: "Read it again. If it fails again, whoever runs the server finds the cause in its log.",
      };
  }
}

/** Whether a file is not being read and has not been. */
export function canReadAgain({ status }: VectorStoreFile): boolean {
  return status === "failed" || status === "cancelled";
}

/** What a file's text is called as a file of its own. */
export function textName(filename: string): string {
  return /\.txt$/i.test(filename) ? filename : `${filename}.txt`;
}
