import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { armor, Encrypter, generateIdentity, identityToRecipient } from "age-encryption";

/** Encrypts as `sops --encrypt --age` does, written from its specification, so that tests need no program. */
export interface AgePair {
  readonly identity: string;
  readonly recipient: string;
}

export async function newAgePair(): Promise<AgePair> {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export type Leaf = string | number | boolean;
export type Tree = { readonly [key: string]: Leaf | Tree | readonly (Leaf | Tree)[] };

export interface SopsOptions {
  readonly isEncrypted?: (path: readonly string[]) => boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly macOnlyEncrypted?: boolean;
}

export interface Encrypted {
  readonly values: Tree;
  readonly metadata: Readonly<Record<string, unknown>>;
}

const LAST_MODIFIED = "2026-01-02T03:04:05Z";

export async function encryptTree(tree: Tree, { recipient }: AgePair, { isEncrypted = () => true, metadata = {}, macOnlyEncrypted = false }: SopsOptions = {}): Promise<Encrypted> {
  const key = randomBytes(32);
  const mac = createHash("sha512");
  if (macOnlyEncrypted) mac.update(createHash("sha256").update("sops").digest());
  const walk = (value: Leaf | Tree | readonly (Leaf | Tree)[], path: readonly string[]): Leaf | Tree | readonly (Leaf | Tree)[] => {
    if (Array.isArray(value)) return value.map((item: Leaf | Tree) => walk(item, path) as Leaf | Tree);
    if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, walk(child, [...path, name])])) as Tree;
    const bytes = typeof value === "boolean" ? (value ? "True" : "False") : String(value);
    if (isEncrypted(path) || !macOnlyEncrypted) mac.update(bytes);
    if (!isEncrypted(path) || value === "") return value;
    return seal(bytes, typeof value === "string" ? "str" : typeof value === "boolean" ? "bool" : Number.isInteger(value) ? "int" : "float", key, `${path.join(":")}:`);
  };
  const values = walk(tree, []) as Tree;
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const enc = armor.encode(await encrypter.encrypt(key));
  return {
    values,
    metadata: {
      age: [{ recipient, enc }],
      lastmodified: LAST_MODIFIED,
      mac: seal(mac.digest("hex").toUpperCase(), "str", key, LAST_MODIFIED),
      version: "3.9.0",
      ...(macOnlyEncrypted ? { mac_only_encrypted: true } : {}),
      ...metadata,
    },
  };
}

/** YAML with one key per line, as sops writes it. */
export function toSopsYaml({ values, metadata }: Encrypted): string {
  return `${yamlLines(values, "").join("\n")}\nsops:\n${yamlLines(metadata as Tree, "    ").join("\n")}\n`;
}

function yamlLines(tree: Tree, indent: string): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    if (Array.isArray(value))
      return [
        `${indent}${key}:`,
        ...value.flatMap((item: Leaf | Tree) =>
          typeof item === "object" ? yamlLines(item, `${indent}      `).map((line, index) => (index === 0 ? `${indent}    - ${line.trimStart()}` : line)) : [`${indent}    - ${scalar(item)}`],
        ),
      ];
    if (typeof value === "object") return [`${indent}${key}:`, ...yamlLines(value as Tree, `${indent}    `)];
    return [`${indent}${key}: ${scalar(value)}`];
  });
}

function scalar(value: Leaf): string {
  return typeof value === "string" && !value.startsWith("ENC[") ? JSON.stringify(value) : String(value);
}

function seal(text: string, type: string, key: Buffer, context: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(context));
  const data = Buffer.concat([cipher.update(text), cipher.final()]);
  return `ENC[AES256_GCM,data:${data.toString("base64")},iv:${iv.toString("base64")},tag:${cipher.getAuthTag().toString("base64")},type:${type}]`;
}
