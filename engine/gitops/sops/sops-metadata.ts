import { loadRe2 } from "../../lib/late-modules.ts";
import { decryptValue } from "./encrypted-value.ts";
import { SopsError } from "./sops-error.ts";

/** What the `sops` field of a file says. */
export interface SopsMetadata {
  readonly age: readonly { readonly recipient: string; readonly enc: string }[];
  /** The checksum over all values, itself encrypted. */
  readonly mac: string;
  readonly lastModified: string;
  readonly macOnlyEncrypted: boolean;
  /** Whether the value at a path is encrypted. */
  readonly isEncrypted: (path: readonly string[]) => boolean;
}

export function readMetadata(value: unknown): SopsMetadata {
  if (!isRecord(value)) throw new SopsError("the field sops is no map, so the file cannot be opened");
  const groups = Array.isArray(value["key_groups"]) ? value["key_groups"] : [];
  if (groups.length > 1) throw new SopsError("the file needs keys of several groups; only files that one age key opens can be used");
  const text = (field: string) =>
    typeof value[field] === "string" ? value[field] : typeof value[field] === "object" && value[field] instanceof Date ? value[field].toISOString() : "";
  for (const field of ["encrypted_comment_regex", "unencrypted_comment_regex"])
    if (text(field) !== "") throw new SopsError(`${field} is not understood here; use encrypted_regex`);
  const lists = [value["age"], ...groups.map((group) => (isRecord(group) ? group["age"] : undefined))].filter(Array.isArray);
  const age = lists
    .flat()
    .filter(isRecord)
    .map((entry) => ({ recipient: String(entry["recipient"] ?? ""), enc: String(entry["enc"] ?? "") }));
  return {
    age,
    mac: text("mac"),
    lastModified: text("lastmodified"),
    macOnlyEncrypted: value["mac_only_encrypted"] === true || value["mac_only_encrypted"] === "true",
    isEncrypted: rule(text),
  };
}

/** Upstream's rules in upstream's order: a later one decides anew. Without any, keys that end in `_unencrypted` stay open. */
function rule(text: (field: string) => string): (path: readonly string[]) => boolean {
  const [openSuffix, suffix, openPattern, pattern] = ["unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex"].map(text);
  const isBare = [openSuffix, suffix, openPattern, pattern].every((one) => one === "");
  const effective = isBare ? "_unencrypted" : (openSuffix ?? "");
  const fits = (source: string | undefined) => {
    if (source === undefined || source === "") return undefined;
    const expression = loadRe2().RE2JS.compile(source);
    return (part: string) => expression.test(part);
  };
  const [fitsOpen, fitsEncrypted] = [fits(openPattern), fits(pattern)];
  return (path) => {
    let isEncrypted = !(effective !== "" && path.some((part) => part.endsWith(effective)));
    if (suffix !== undefined && suffix !== "") isEncrypted = path.some((part) => part.endsWith(suffix));
    if (fitsOpen !== undefined && path.some(fitsOpen)) isEncrypted = false;
    if (fitsEncrypted !== undefined) isEncrypted = path.some(fitsEncrypted);
    return isEncrypted;
  };
}

/** Throws when the file's values are not those that were there when it was encrypted. */
export function verifyChecksum(metadata: SopsMetadata, key: Buffer, checksum: string): void {
  if (metadata.mac === "") throw new SopsError("the file has no checksum (mac), so nobody can tell whether it was changed; encrypt it again with sops");
  const expected = decryptValue(metadata.mac, key, metadata.lastModified).bytes.toString("utf8");
  if (expected !== checksum) throw new SopsError("the file was changed after it was encrypted: its checksum (mac) does not fit. Change it with sops edit");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
