import { createDecipheriv } from "node:crypto";
import { SopsError } from "./sops-error.ts";

/** A value as it was before encryption. */
export interface PlainValue {
  readonly type: "str" | "int" | "float" | "bool" | "bytes" | "time" | "comment";
  readonly bytes: Buffer;
}

const FORM = /^ENC\[AES256_GCM,data:(.*),iv:(.+),tag:(.+),type:(str|int|float|bool|bytes|time|comment)\]$/s;

/**
 * Opens one value of a SOPS file (AES-256 in Galois/counter mode, https://github.com/getsops/sops, "Message Authentication Code").
 * `context` is the path of its key, which is authenticated with it, so that values cannot be moved about.
 */
export function decryptValue(text: string, key: Buffer, context: string, line = 1): PlainValue {
  if (text === "") return { type: "str", bytes: Buffer.alloc(0) };
  const [, data = "", iv = "", tag = "", type = "str"] = FORM.exec(text) ?? [];
  if (iv === "") throw new SopsError("a value that should be encrypted is not; encrypt the file again with sops", line);
  try {
    const cipher = createDecipheriv("aes-256-gcm", key, Buffer.from(iv, "base64"), { authTagLength: 16 });
    cipher.setAAD(Buffer.from(context));
    cipher.setAuthTag(Buffer.from(tag, "base64"));
    const bytes = Buffer.concat([cipher.update(Buffer.from(data, "base64")), cipher.final()]);
    return { type: type as PlainValue["type"], bytes }; // the expression above admits these types only
  } catch {
    throw new SopsError("an encrypted value was changed or moved, or belongs to another key; encrypt the file again with sops", line);
  }
}

/** The value as JSON, which is YAML too. */
export function jsonOf(value: PlainValue): string {
  const text = value.bytes.toString("utf8");
  if (value.type === "int" || value.type === "float") return text;
  if (value.type === "bool") return text.toLowerCase();
  return JSON.stringify(text);
}

/** How a value counts for the file's checksum. */
export function checksumBytes(value: PlainValue): Buffer {
  if (value.type !== "bool") return value.bytes;
  return Buffer.from(value.bytes.toString("utf8").toLowerCase() === "true" ? "True" : "False");
}
