import pino from "pino";

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured lines: a stable message and variable fields. See STYLE: error wakes a person, warn will be retried. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry these fields. */
  with(fields: LogFields): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** What waits for a disk that is full; later lines are lost. */
const WAITING_BYTES_MAX = 1 << 20;

/** JSON lines on the given file descriptor or path (standard error by default). Throws when it cannot be opened; a full disk is sat out. */
export function createLogger(level: LogLevel, destination: number | string = 2): Logger {
  const sink = pino.destination({ dest: destination, sync: true, maxLength: WAITING_BYTES_MAX });
  // Nobody listening, an error would end the process: for want of a line, everything else.
  sink.on("error", () => {});
  return wrap(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, sink));
}

/** Discards every line; for tests and short-lived commands. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLogger };

function wrap(sink: pino.Logger): Logger {
  const line = (level: "debug" | "info" | "warn" | "error") => (message: string, fields?: LogFields) => sink[level](serialiseErrors(fields), message);
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error"), with: (fields) => wrap(sink.child(fields)) };
}

/** Errors become one readable line with their chain of causes; stacks only at debug level are not worth their bytes. */
function serialiseErrors(fields: LogFields | undefined): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields ?? {})) out[key] = value instanceof Error ? describeError(value) : value;
  return out;
}

/** An error and its causes as one line: `pull image nginx:1.27: connection refused`. What an error says already is not said again for its cause. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current: unknown = error, depth = 0; current !== undefined && current !== null && depth < 8; depth++) {
    const message = current instanceof Error ? current.message : String(current);
    if (parts.at(-1)?.endsWith(message) !== true) parts.push(message);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(": ");
}
