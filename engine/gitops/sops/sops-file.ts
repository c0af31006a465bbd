import { createHash, type Hash } from "node:crypto";
import * as yaml from "js-yaml";
import { parseYamlDocuments, YamlError } from "../../apimachinery/yaml/yaml.ts";
import { goYamlSchema } from "../../apimachinery/yaml/yaml-schema.ts";
import { openDataKey } from "./data-key.ts";
import { checksumBytes, decryptValue, jsonOf, type PlainValue } from "./encrypted-value.ts";
import { walkScalars } from "./scalar-walk.ts";
import { SopsError } from "./sops-error.ts";
import { readMetadata, verifyChecksum, type SopsMetadata } from "./sops-metadata.ts";

/** With `mac_only_encrypted`, checksums begin with these bytes: the SHA-256 of the word `sops`. */
const MAC_ONLY_ENCRYPTED = createHash("sha256").update("sops").digest();

type Format = "yaml" | "json" | "dotenv" | "binary";

/** The form of SOPS that a file is in; undefined for files that are not encrypted. */
export function sopsFormat(content: Buffer, path: string): Format | undefined {
  if (!content.includes("ENC[AES256_GCM,") || !content.includes("sops")) return undefined;
  const text = content.toString("utf8");
  if (/\.env$/i.test(path)) return /^sops_mac=/m.test(text) ? "dotenv" : undefined;
  if (/\.ya?ml$/i.test(path)) return /^["']?sops["']?\s*:/m.test(text) || isJsonEnvelope(text) ? "yaml" : undefined;
  if (!isJsonEnvelope(text)) return undefined;
  return /\.json$/i.test(path) ? "json" : "binary";
}

function isJsonEnvelope(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "sops" in value;
  } catch {
    return false;
  }
}

/**
 * Opens an encrypted file in memory. Text formats keep their lines: each value stands where it stood, and the place of the `sops`
 * field is empty. Throws a SopsError when no key fits or anything was changed since; no message holds a value.
 */
export async function decryptFile(content: Buffer, format: Format, keys: readonly string[]): Promise<Buffer> {
  const text = content.toString("utf8");
  if (format === "dotenv") return decryptDotenv(text, keys);
  if (format === "binary") return decryptBinary(text, keys);
  try {
    return Buffer.from(await decryptDocuments(text, keys));
  } catch (error) {
    if (error instanceof YamlError) throw new SopsError(`YAML: ${error.message}`, error.line);
    if (error instanceof yaml.YAMLException) throw new SopsError(`YAML: ${error.reason}`, (error.mark?.line ?? 0) + 1);
    throw error;
  }
}

async function decryptDocuments(text: string, keys: readonly string[]): Promise<string> {
  const documents = parseYamlDocuments(text, undefined, goYamlSchema);
  const holder = documents.map((document) => document.value).find((value) => typeof value === "object" && value !== null && "sops" in value);
  const metadata = readMetadata((holder as { readonly sops?: unknown } | undefined)?.sops); // found by having that field
  const key = await openDataKey(metadata, keys);
  const { scalars, top, text: walked } = walkScalars(text);
  const checksum = startChecksum(metadata);
  const edits: { start: number; end: number; text: string }[] = [];
  for (const scalar of scalars) {
    if (scalar.keys[0] === "sops") continue;
    const isEncrypted = metadata.isEncrypted(scalar.keys);
    if (!isEncrypted) {
      if (!metadata.macOnlyEncrypted) addPlain(checksum, scalar.text, scalar.style === yaml.SCALAR_STYLE.PLAIN);
      continue;
    }
    if (isNull(scalar.text) && scalar.style === yaml.SCALAR_STYLE.PLAIN) continue;
    const value = decryptValue(scalar.text, key, `${scalar.keys.join(":")}:`, scalar.line);
    checksum.update(checksumBytes(value));
    if (scalar.text !== "") edits.push({ start: scalar.start, end: scalar.end, text: jsonOf(value) });
  }
  verifyChecksum(metadata, key, checksum.digest("hex").toUpperCase());
  for (const entry of top) if (entry.key === "sops") edits.push({ start: entry.start, end: entry.end, text: blankOut(walked, entry.start, entry.end) });
  return withoutDanglingComma(applyEdits(walked, edits));
}

/** Keeps line breaks, so that everything behind stays on its line; a closing brace or a document's edge stays too. */
function blankOut(text: string, start: number, end: number): string {
  const part = text.slice(start, end);
  const isJson = /^\s*\{/.test(text);
  const edge = isJson && end === text.length ? "}" : (/\n(---|\.\.\.)[^\n]*\n?$/.exec(part)?.[0] ?? "");
  return part.slice(0, part.length - (isJson ? 0 : edge.length)).replace(/[^\n]/g, "") + edge;
}

function withoutDanglingComma(text: string): string {
  return /^\s*\{/.test(text) ? text.replace(/,(\s*\}\s*)$/, "$1") : text;
}

function applyEdits(text: string, edits: readonly { readonly start: number; readonly end: number; readonly text: string }[]): string {
  let result = "";
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}

/** Values that were never encrypted count for the checksum by what they are, not by how they are written. */
function addPlain(checksum: Hash, text: string, isPlain: boolean): void {
  const value: unknown = isPlain ? (isNull(text) ? null : parseYamlDocuments(text, undefined, goYamlSchema)[0]?.value) : text;
  if (value === null || value === undefined) return;
  checksum.update(typeof value === "boolean" ? (value ? "True" : "False") : typeof value === "number" && /^-?\d+$/.test(text) ? text : String(value));
}

function isNull(text: string): boolean {
  return /^(|~|null|Null|NULL)$/.test(text);
}

async function decryptDotenv(text: string, keys: readonly string[]): Promise<Buffer> {
  const lines = text.split("\n").map((line) => {
    const equals = line.indexOf("=");
    return { line, key: line.startsWith("#") || equals < 0 ? undefined : line.slice(0, equals), value: line.slice(equals + 1).replaceAll("\\n", "\n") };
  });
  const metadata = readMetadata(dotenvMetadata(lines));
  const key = await openDataKey(metadata, keys);
  const checksum = startChecksum(metadata);
  const result = lines.map(({ line, key: name, value }, index) => {
    if (name === undefined) return line;
    if (name.startsWith("sops_")) return "";
    if (!metadata.isEncrypted([name])) {
      if (!metadata.macOnlyEncrypted) checksum.update(value);
      return line;
    }
    const plain: PlainValue = decryptValue(value, key, `${name}:`, index + 1);
    checksum.update(checksumBytes(plain));
    return `${name}=${plain.bytes.toString("utf8").replaceAll("\n", "\\n")}`;
  });
  verifyChecksum(metadata, key, checksum.digest("hex").toUpperCase());
  return Buffer.from(result.join("\n"));
}

/** `sops_age__list_0__map_enc=…` is the field `enc` of the first entry of the list `age`. */
function dotenvMetadata(lines: readonly { readonly key: string | undefined; readonly value: string }[]): unknown {
  const metadata: Record<string, unknown> = {};
  const age: Record<string, string>[] = [];
  for (const { key, value } of lines) {
    if (key === undefined || !key.startsWith("sops_")) continue;
    const entry = /^sops_age__list_(\d+)__map_(\w+)$/.exec(key);
    if (entry === null) metadata[key.slice("sops_".length)] = value;
    else if (Number(entry[1]) < 100) (age[Number(entry[1])] ??= {})[entry[2] ?? ""] = value;
  }
  return { ...metadata, age: age.filter((entry) => entry !== undefined) };
}

async function decryptBinary(text: string, keys: readonly string[]): Promise<Buffer> {
  const { data, sops } = JSON.parse(text) as { readonly data?: unknown; readonly sops?: unknown }; // an envelope, as its format was told by
  const metadata = readMetadata(sops);
  const key = await openDataKey(metadata, keys);
  const value = decryptValue(typeof data === "string" ? data : "", key, "data:");
  const checksum = startChecksum(metadata);
  checksum.update(checksumBytes(value));
  verifyChecksum(metadata, key, checksum.digest("hex").toUpperCase());
  return value.bytes;
}

function startChecksum(metadata: SopsMetadata): Hash {
  const hash = createHash("sha512");
  if (metadata.macOnlyEncrypted) hash.update(MAC_ONLY_ENCRYPTED);
  return hash;
}
