import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as yaml from "js-yaml";
import { compile, type JSONSchema } from "json-schema-to-typescript";

const folder = path.dirname(fileURLToPath(import.meta.url));
const target = path.resolve(folder, "../engine/resources/types.ts");

/** TypeScript has an Event of its own in many configurations. */
const RENAMED: Readonly<Record<string, string>> = { Event: "CoreEvent" };

type Node = Record<string, unknown>;

/** The text of engine/resources/types.ts, made from all schemas. A test compares it with the committed file. */
export async function generateTypes(): Promise<string> {
  const definitions: Record<string, Node> = {};
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .sort()) {
    const document = yaml.load(readFileSync(path.join(folder, file), "utf8"), { filename: file }) as { $defs?: Record<string, Node> };
    for (const [name, definition] of Object.entries(document.$defs ?? {})) {
      if (definitions[typeName(name)] !== undefined) throw new Error(`schemas/${file}: a type named ${name} exists already; names are shared by all schemas`);
      definitions[typeName(name)] = convert(definition, typeName(name));
    }
  }
  const root = { title: "KubernetesTypes", type: "object", properties: {}, additionalProperties: false, definitions };
  const text = await compile(root as JSONSchema, "KubernetesTypes", {
    additionalProperties: false,
    unreachableDefinitions: true,
    maxItems: -1,
    format: false,
    bannerComment: "// Generated from schemas/ by `npm run generate`; do not edit.",
  });
  return `${readonly(
    text
      .replace(/export interface KubernetesTypes \{\s*\}\n/, "")
      .replace(/\n \* ?\n \* This interface was referenced by [^\n]*\n \* via the `definition` [^\n]*/g, "")
      .replace(/\/\*\*\n \* This interface was referenced by [^\n]*\n \* via the `definition` [^\n]*\n \*\/\n/g, ""),
  ).trimEnd()}\n`;
}

/** API objects are shared values that nobody may change, and their types say so. */
function readonly(text: string): string {
  return text.replace(
    /^([\w$]+\??|"[^"]+"\??|\[k: string\]): (.*)$/gm,
    (_line, name: string, type: string) => `readonly ${name}: ${type.replace(/([\w"<>, ]+|\([^()]*\))\[\]/g, "readonly $1[]")}`,
  );
}

/** What json-schema-to-typescript needs to hear differently: see the comments at each step. */
function convert(node: Node, title?: string): Node {
  // Siblings of a reference would make a numbered copy of the type.
  if (typeof node["$ref"] === "string") return { $ref: `#/definitions/${typeName(String(node["$ref"]).split("/").pop() ?? "")}` };
  const description = node["description"];
  if (node["x-kubernetes-int-or-string"] === true) return { tsType: "number | string", description };
  if (node["x-kubernetes-preserve-unknown-fields"] === true) return { tsType: "Record<string, unknown>", description };
  const out: Node = { type: node["x-mainstay-null"] === true ? [node["type"], "null"] : node["type"], description, ...(title === undefined ? {} : { title }) };
  // Enumerations stay plain strings: clients newer than we are may send values we do not know, and validation answers them.
  if (node["required"] !== undefined) out["required"] = node["required"];
  if (isNode(node["items"])) out["items"] = convert(node["items"]);
  if (isNode(node["additionalProperties"])) out["additionalProperties"] = convert(node["additionalProperties"]);
  if (isNode(node["properties"]))
    out["properties"] = Object.fromEntries(Object.entries(node["properties"]).map(([name, property]) => [name, convert(property as Node)]));
  return out;
}

function typeName(name: string): string {
  return RENAMED[name] ?? name;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(target, await generateTypes());
  console.log(`wrote ${path.relative(process.cwd(), target)}`);
}
