import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as yaml from "js-yaml";

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../schemas");

/** A property as it stands in the file, its reference unresolved. */
export type RawProperty = Readonly<Record<string, unknown>>;

export interface RawType {
  readonly file: string;
  readonly name: string;
  readonly title: unknown;
  readonly description: unknown;
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, RawProperty>>;
}

/** Every type of every schema file, as written. */
export function rawTypes(): RawType[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) => {
      const document = yaml.load(readFileSync(path.join(folder, file), "utf8")) as { $defs: Record<string, Omit<RawType, "file" | "name">> };
      return Object.entries(document.$defs).map(([name, type]) => ({ file, name, title: type.title, description: type.description, required: type.required ?? [], properties: type.properties ?? {} }));
    });
}

/** Kubernetes' own kinds; ours have no counterpart elsewhere and travel as JSON only. */
export const kubernetesTypes = (): RawType[] => rawTypes().filter((type) => !/^(mainstay\.dev|metrics\.k8s\.io)/.test(type.file));
