import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { bundlesOf } from "./containerd-namespace.ts";
import { containerdPaths } from "./containerd.ts";

const run = promisify(execFile);

/** Where containerd mounts them, whoever else does so too. */
const FOLDER = "/var/run/netns/";

interface Bundle {
  readonly linux?: { readonly namespaces?: readonly { readonly type: string; readonly path?: string }[] };
}

/** Where the network namespaces of an agent's pods are mounted: what its shims were told, which needs no runtime to ask. */
export function networkNamespaces(agentDir: string): readonly string[] {
  const bundles = bundlesOf(containerdPaths(agentDir).root);
  if (!existsSync(bundles)) return [];
  return readdirSync(bundles)
    .flatMap((id) => readBundle(path.join(bundles, id, "config.json"))?.linux?.namespaces ?? [])
    .flatMap(({ type, path: place = "" }) => (type === "network" && place.startsWith(FOLDER) ? [place] : []));
}

/** Undefined where there is none, or where a machine that lost its power has cut it short. */
function readBundle(file: string): Bundle | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Bundle; // containerd's
  } catch {
    return undefined;
  }
}

/** Those that are still there: their pods would not go. */
export async function removeNetworkNamespaces(places: readonly string[]): Promise<void> {
  for (const place of places.filter((each) => existsSync(each))) {
    await run("umount", ["-l", place]).catch(() => {}); // an empty file, since the machine has started anew
    rmSync(place, { force: true });
  }
}
