import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { CRI_NAMESPACE } from "../cri/containerd-namespace.ts";
import { PAUSE_IMAGE } from "../cri/containerd.ts";
import type { Runtime } from "../cri/runtime.ts";
import { buildImage, type ImageConfig } from "./build-image.ts";

const run = promisify(execFile);
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"];
/** Commands that the images offer; each is a link to the one busybox program. */
const APPLETS = [
  "sh",
  "sleep",
  "cat",
  "echo",
  "ls",
  "httpd",
  "wget",
  "nc",
  "nslookup",
  "id",
  "env",
  "hostname",
  "date",
  "touch",
  "rm",
  "mkdir",
  "head",
  "tail",
  "grep",
  "true",
  "false",
  "kill",
  "ps",
  "test",
  "printf",
  "seq",
  "stat",
  "dd",
  "tar",
  "cp",
  "mv",
  "ln",
  "wc",
  "md5sum",
  "tee",
];

export interface LocalImage {
  readonly name: string;
  readonly config: ImageConfig;
}

/** Images made from the machine's own static busybox, so that neither a registry nor the internet is needed. */
const localImages: readonly LocalImage[] = [
  // Holds a pod's namespaces. Its shell waits in the background of a signal, so that it ends at once when told to.
  { name: PAUSE_IMAGE, config: { Entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 2147483 & wait $!; done"] } },
  { name: "mainstay.local/busybox:1", config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] } },
  { name: "mainstay.local/web:1", config: { Entrypoint: ["/bin/httpd", "-f", "-p", "8080", "-h", "/srv/www"], Env: ["PATH=/bin"] } },
];

/** Builds and imports those of the images that the runtime lacks. */
export async function ensureLocalImages(runtime: Runtime, socket: string): Promise<string[]> {
  const missing: LocalImage[] = [];
  for (const image of localImages) if ((await runtime.imageStatus(image.name)) === undefined) missing.push(image);
  if (missing.length === 0) return [];
  const folder = mkdtempSync(path.join(os.tmpdir(), "mainstay-images-"));
  try {
    const rootfs = busyboxRoot(folder);
    for (const { name, config } of missing) {
      const archive = path.join(folder, "image.tar");
      buildImage(name, rootfs, config, archive);
      await importImage(socket, archive);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return missing.map((image) => image.name);
}

/** Loads an image archive into our containerd, in the namespace that CRI uses. */
async function importImage(socket: string, archive: string): Promise<void> {
  await run("ctr", ["-a", socket, "-n", CRI_NAMESPACE, "images", "import", archive]);
}

function busyboxRoot(folder: string): string {
  const busybox = BUSYBOX.find((candidate) => existsSync(candidate));
  if (busybox === undefined) throw new Error("busybox is not installed; install the Debian package busybox-static");
  const rootfs = path.join(folder, "rootfs");
  for (const directory of ["bin", "etc", "proc", "sys", "dev", "tmp", "srv/www", "var"]) mkdirSync(path.join(rootfs, directory), { recursive: true });
  copyFileSync(busybox, path.join(rootfs, "bin/busybox"));
  chmodSync(path.join(rootfs, "bin/busybox"), 0o755);
  for (const applet of APPLETS) symlinkSync("busybox", path.join(rootfs, "bin", applet));
  return rootfs;
}
