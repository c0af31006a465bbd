/** One `Key: value` line of the last paragraph of a commit message. */
export interface Trailer {
  readonly key: string;
  readonly value: string;
}

/** It stands in every report, and a message without line ends may be of any length. */
const SUBJECT_LENGTH_MAX = 200;

/** The first line of a commit message, as much as is read of it. */
export function subjectOf(message: string): string {
  const end = message.indexOf("\n");
  const line = (end < 0 ? message : message.slice(0, end)).trim();
  return line.length <= SUBJECT_LENGTH_MAX ? line : `${line.slice(0, SUBJECT_LENGTH_MAX - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/**
 * The trailers of a commit message by Git's rule: the last paragraph, when it is not also the first
 * and every line of it is `Key: value` or continues one. Keys compare without case.
 */
export function parseTrailers(message: string): readonly Trailer[] {
  const paragraphs = message.trim().split(/\n\s*\n/);
  const last = paragraphs.length > 1 ? paragraphs.at(-1) : undefined;
  if (last === undefined) return [];
  const trailers: Trailer[] = [];
  for (const line of last.split("\n")) {
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*):\s*(.*)$/.exec(line);
    const previous = trailers.at(-1);
    if (match !== null) trailers.push({ key: match[1] ?? "", value: (match[2] ?? "").trim() });
    else if (/^\s/.test(line) && previous !== undefined) trailers[trailers.length - 1] = { key: previous.key, value: `${previous.value} ${line.trim()}` };
    else return [];
  }
  return trailers;
}

/** All values of one trailer over several commits. A value may hold several, separated by commas. */
export function trailerValues(messages: readonly string[], key: string): readonly string[] {
  return messages
    .flatMap((message) => parseTrailers(message))
    .filter((trailer) => trailer.key.toLowerCase() === key.toLowerCase())
    .flatMap((trailer) => trailer.value.split(",").map((value) => value.trim()))
    .filter((value) => value !== "");
}

/** A message of a subject, an optional body and trailers. */
export function formatMessage(subject: string, body: string, trailers: readonly Trailer[]): string {
  const paragraphs = [subject, body, trailers.map((trailer) => `${trailer.key}: ${trailer.value}`).join("\n")];
  return `${paragraphs.filter((paragraph) => paragraph !== "").join("\n\n")}\n`;
}
