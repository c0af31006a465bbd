import { createHash } from "node:crypto";
import { sortedGoJson } from "../../lib/go-json.ts";
import { isMap, type JsonMap } from "./json-value.ts";
import type { Resource } from "./resource.ts";

/** Digits that could spell words or be misread, and what stands for them. */
const SAFE: Readonly<Record<string, string>> = { "0": "g", "1": "h", "3": "k", a: "m", e: "t" };

/**
 * The suffix of a generated name: ten characters from the SHA-256 of the content, as kustomize computes it (api/hasher). The name is
 * not part of what is hashed: upstream looks for it in a place where it never is, and every hash in use depends on that.
 */
export function contentHash({ kind, value }: Resource): string {
  return encodeHash(
    createHash("sha256")
      .update(sortedGoJson(hashedForm(kind, value)))
      .digest("hex"),
  );
}

function hashedForm(kind: string, value: JsonMap): unknown {
  const part = (key: string) => (value[key] === undefined || value[key] === null ? "" : value[key]);
  if (kind === "ConfigMap") return { kind, name: "", data: part("data"), ...(isMap(value["binaryData"]) ? { binaryData: value["binaryData"] } : {}) };
  if (kind === "Secret")
    return { kind, type: part("type"), name: "", data: part("data"), ...(isMap(value["stringData"]) ? { stringData: value["stringData"] } : {}) };
  return value;
}

function encodeHash(hex: string): string {
  return [...hex.slice(0, 10)].map((digit) => SAFE[digit] ?? digit).join("");
}
