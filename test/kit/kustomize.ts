import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseYamlDocuments } from "../../engine/apimachinery/yaml/yaml.ts";
import { buildKustomization, type BuildOptions } from "../../engine/gitops/kustomize/build.ts";
import type { Resource } from "../../engine/gitops/kustomize/resource.ts";
import type { RepositoryFiles } from "../../engine/gitops/kustomize/repository-files.ts";
import { ServedKinds } from "../../engine/gitops/manifests/served-kinds.ts";
import { catalog } from "../../engine/resources/catalog.ts";
import { findKubectls, type Kubectl } from "./kubectl.ts";

export type Files = Readonly<Record<string, string | Buffer>>;

/** Files of a made-up commit. */
export function memoryFiles(files: Files): RepositoryFiles {
  const folders = new Set([""]);
  for (const file of Object.keys(files)) for (let at = path.posix.dirname(file); at !== "." && at !== ""; at = path.posix.dirname(at)) folders.add(at);
  const byId = new Map<string, Buffer>();
  const entries = new Map(
    Object.entries(files).map(([file, content]) => {
      const bytes = Buffer.from(content);
      const id = createHash("sha1").update(bytes).digest("hex");
      byId.set(id, bytes);
      return [file, id];
    }),
  );
  return {
    look: async (file) => {
      const id = entries.get(file);
      return id !== undefined ? { is: "file", id } : folders.has(file) ? { is: "directory", id: file } : undefined;
    },
    read: async (id) => byId.get(id) ?? Buffer.alloc(0),
    list: async (folder) => [...entries].filter(([file]) => file.startsWith(`${folder}/`)).map(([file, id]) => [file.slice(folder.length + 1), id] as const),
  };
}

const kinds = new ServedKinds(catalog);
export const schemas: BuildOptions["schemas"] = (apiVersion, kind) => kinds.find(apiVersion, kind)?.schema;

/** Builds a folder of made-up files; throws what the build found wrong. */
export async function build(files: Files, folder = "", options: Partial<BuildOptions> = {}): Promise<readonly Resource[]> {
  const result = await buildKustomization(folder, { files: memoryFiles(files), schemas, ...options });
  if ("error" in result) throw result.error;
  return result.resources;
}

/** The newest kubectl there is, whose kustomize is the oracle; the reason is printed when there is none. */
export async function findOracle(): Promise<Kubectl | undefined> {
  const oracle = (await findKubectls()).at(-1);
  if (oracle === undefined) console.log("kustomize oracle: skipped, kubectl is not installed");
  return oracle;
}

/** What `kubectl kustomize` makes of the same files; throws with its message when it refuses. */
export function buildByKubectl(oracle: Kubectl, files: Files, folder = "."): readonly unknown[] {
  const root = mkdtempSync(path.join(os.tmpdir(), "ms-kustomize-"));
  try {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(root, file), content);
    }
    const text = execFileSync(oracle.binary, ["kustomize", "--load-restrictor=LoadRestrictionsNone", path.join(root, folder)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", HOME: root },
      maxBuffer: 1 << 26,
    });
    return parseYamlDocuments(text).map((document) => document.value);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
