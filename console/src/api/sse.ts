/** One event of a server-sent stream. */
export interface ServerEvent {
  event: string;
  data: string;
}

/**
 * Server-sent events from text that arrives in pieces, cut anywhere (also inside a line break).
 * Follows the HTML standard: LF, CR or CRLF end a line, a blank line ends an event, several data
 * lines join with LF, comments and other fields are skipped, an unfinished last event is dropped.
 */
export class EventParser {
  private rest = "";
  private afterReturn = false;
  private started = false;
  private event = "";
  private data: string[] = [];

  push(text: string): ServerEvent[] {
    let input = text;
    if (!this.started && input.length > 0) {
      this.started = true;
      if (input.startsWith("\uFEFF")) input = input.slice(1);
    }
    if (this.afterReturn && input.length > 0) {
      this.afterReturn = false;
      if (input.startsWith("\n")) input = input.slice(1);
    }
    this.afterReturn ||= input.endsWith("\r");
    const lines = (this.rest + input).split(/\r\n|\r|\n/);
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): ServerEvent[] {
    if (line === "") return this.finish();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    return [];
  }

  private finish(): ServerEvent[] {
    const { event, data } = this;
    this.event = "";
    this.data = [];
    return data.length > 0 ? [{ event: event || "message", data: data.join("\n") }] : [];
  }
}

/** The events of a reply body, as they arrive. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
