import { YamlError, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { KustomizeError } from "../kustomize/kustomize-error.ts";
import { readManifestYaml } from "../yaml/manifest-yaml.ts";

/** An encrypted file that is not to be opened, and of which nothing can be said without opening it. */
export class SealedFileError extends KustomizeError {
  readonly path: string;

  constructor(path: string) {
    super([{ file: path, line: 1, message: "the file is encrypted, and is not opened here" }]);
    this.path = path;
  }
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * What an encrypted manifest says in the open, which is all that its plan may know: what its objects are called, and the keys of their
 * data without the values. Each object stays on its line. Throws a SealedFileError when the file is no manifest, or its names are encrypted too.
 */
export async function readSealedManifest(text: string, path: string): Promise<Buffer> {
  let written = "";
  let line = 1;
  for (const document of await parseOpenly(text, path)) {
    const object = outlineOf(document.value);
    if (object === undefined) throw new SealedFileError(path);
    const gap = Math.max(0, document.line - line - (written === "" ? 0 : 1));
    written += `${"\n".repeat(gap)}${written === "" ? "" : "---\n"}${JSON.stringify(object)}\n`;
    line += gap + (line === 1 ? 1 : 2);
  }
  return Buffer.from(written);
}

async function parseOpenly(text: string, path: string): Promise<readonly YamlDocument[]> {
  try {
    return await readManifestYaml(text);
  } catch (error) {
    if (error instanceof YamlError) throw new KustomizeError([{ file: path, line: error.line, message: `YAML: ${error.message}` }]);
    throw error;
  }
}

function outlineOf(value: unknown): Fields | undefined {
  if (!isFields(value) || !isFields(value["metadata"])) return undefined;
  const { apiVersion, kind, metadata } = value;
  const { name, namespace } = metadata;
  if (!isOpen(apiVersion) || !isOpen(kind) || !isOpen(name) || (namespace !== undefined && !isOpen(namespace))) return undefined;
  const data = ["data", "stringData", "binaryData"].flatMap((field) => (isFields(value[field]) ? [[field, withoutValues(value[field])] as const] : []));
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...openEntries(metadata, "labels"), ...openEntries(metadata, "annotations") },
    ...(kind === "Secret" || kind === "ConfigMap" ? Object.fromEntries(data) : {}),
  };
}

function openEntries(metadata: Fields, field: string): Fields {
  const entries = metadata[field];
  return isFields(entries) ? { [field]: Object.fromEntries(Object.entries(entries).filter(([, entry]) => isOpen(entry))) } : {};
}

function withoutValues(data: Fields): Fields {
  return Object.fromEntries(Object.keys(data).map((key) => [key, ""]));
}

function isOpen(value: unknown): value is string {
  return typeof value === "string" && !value.startsWith("ENC[");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
