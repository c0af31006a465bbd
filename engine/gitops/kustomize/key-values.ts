import { BuildFault } from "./kustomize-error.ts";

/** What a generator draws its keys from, paths relative to the kustomization. */
export interface KeyValueSources {
  readonly literals?: readonly string[];
  readonly files?: readonly string[];
  readonly envs?: readonly string[];
  readonly env?: string;
}

/** A key with its content; files may hold any bytes. */
export type KeyValue = readonly [key: string, value: Buffer];

/** `key=value`, with one pair of quotes around the value taken off. */
export function parseLiteral(source: string): KeyValue {
  const equals = source.indexOf("=");
  if (equals <= 0) throw new BuildFault("a literal is not of the form key=value");
  const value = source.slice(equals + 1);
  const quote = value.charAt(0);
  const isQuoted = value.length >= 2 && (quote === '"' || quote === "'") && value.endsWith(quote);
  return [source.slice(0, equals), Buffer.from(isQuoted ? value.slice(1, -1) : value)];
}

/** `path` or `key=path`. */
export function parseFileSource(source: string): { readonly key: string; readonly path: string } {
  const parts = source.split("=");
  const [first = "", second = ""] = parts;
  if (parts.length === 1) return { key: first.slice(first.lastIndexOf("/") + 1), path: first };
  if (parts.length > 2) throw new BuildFault(`file source ${source}: neither key nor path may contain =`);
  if (first === "") throw new BuildFault(`file source ${source} has no key before =`);
  if (second === "") throw new BuildFault(`file source ${source} has no path behind =`);
  return { key: first, path: second };
}

/** The lines of an env file: `KEY=value`, comments and blank lines left out, nothing unquoted. A key alone has an empty value. */
export function parseEnvFile(content: Buffer): readonly KeyValue[] {
  const text = decodeUtf8(content);
  if (text === undefined) throw new BuildFault("the env file is not UTF-8 text");
  return text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, "").trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line): KeyValue => {
      const equals = line.indexOf("=");
      return equals < 0 ? [line, Buffer.alloc(0)] : [line.slice(0, equals), Buffer.from(line.slice(equals + 1))];
    });
}

/** Text, or undefined for bytes that are none. A byte order mark is kept. */
export function decodeUtf8(content: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

const BASE64_LINE = 70;

/** Base64 as kustomize writes it: long values are broken into lines, which are part of what it hashes. */
export function encodeBase64(content: Buffer): string {
  const text = content.toString("base64");
  if (text.length < BASE64_LINE) return text;
  return `${text.match(/.{1,70}/g)?.join("\n") ?? ""}\n`;
}
