import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Kubectl {
  /** `1.36.4`. */
  readonly version: string;
  readonly binary: string;
}

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Older ones do not speak protobuf to the API, and so are no test of it. */
const OLDEST_MINOR = 32;
const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const CACHE = path.join(os.tmpdir(), "mainstay-test-kubectl");

/** The kubectl of this machine, when it is new enough, and Debian's newest, unpacked beside the system, when a mirror can be reached. */
export async function findKubectls(): Promise<readonly Kubectl[]> {
  const found = [await inspect("kubectl"), await newestFromDebian()].filter((kubectl): kubectl is Kubectl => kubectl !== undefined && Number(kubectl.version.split(".")[1]) >= OLDEST_MINOR);
  return found.filter((kubectl, index) => found.findIndex(({ version }) => version === kubectl.version) === index);
}

/** Runs kubectl with a kubeconfig and a home of its own; a failure is a result, not an error. */
export async function runKubectl(
  { binary }: Kubectl,
  kubeconfig: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
): Promise<KubectlResult> {
  const home = path.dirname(kubeconfig);
  const child = run(binary, [...args], { env: { PATH: process.env["PATH"] ?? "", HOME: home, KUBECONFIG: kubeconfig, ...options.env }, timeout: options.timeoutMs ?? 30_000, maxBuffer: 16 << 20 });
  child.child.stdin?.end(options.input ?? "");
  return child.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { readonly code?: number; readonly stdout?: string; readonly stderr?: string }) => ({
      code: typeof error.code === "number" ? error.code : -1,
      stdout: error.stdout ?? "",
      stderr: error.stderr ?? "",
    }),
  );
}

async function inspect(binary: string): Promise<Kubectl | undefined> {
  try {
    const { stdout } = await run(binary, ["version", "--client", "--output=json"], { timeout: 10_000 });
    const { clientVersion } = JSON.parse(stdout) as { readonly clientVersion: { readonly gitVersion: string } };
    const version = /^v(\d+\.\d+\.\d+)/.exec(clientVersion.gitVersion)?.[1];
    return version === undefined ? undefined : { version, binary };
  } catch {
    return undefined; // not on this machine
  }
}

async function newestFromDebian(): Promise<Kubectl | undefined> {
  const binary = path.join(CACHE, "kubectl");
  if (!existsSync(binary) && !(await download(binary))) return undefined;
  return inspect(binary);
}

/** With apt's own tools, but lists, caches and package state of its own: nothing of the system is read or changed. */
async function download(binary: string): Promise<boolean> {
  if (!existsSync(DEBIAN_KEYRING)) return false;
  const work = await mkdtemp(path.join(os.tmpdir(), "kubectl-"));
  try {
    await mkdir(path.join(work, "lists", "partial"), { recursive: true });
    await mkdir(path.join(work, "cache", "archives", "partial"), { recursive: true });
    await writeFile(path.join(work, "status"), "");
    await writeFile(path.join(work, "sid.sources"), `Types: deb\nURIs: ${debianMirror()}\nSuites: sid\nComponents: main\nSigned-By: ${DEBIAN_KEYRING}\n`);
    const settings = { "Dir::Etc::sourcelist": "sid.sources", "Dir::State::lists": "lists", "Dir::State::status": "status", "Dir::Cache": "cache" };
    // A mirror that is itself a snapshot carries signatures whose time is over; they are checked all the same.
    const options = [
      ...Object.entries(settings).map(([name, file]) => `${name}=${path.join(work, file)}`),
      "Dir::Etc::sourceparts=-",
      "APT::Sandbox::User=",
      "Acquire::Languages=none",
      "Acquire::Check-Valid-Until=false",
      "Acquire::Retries=0",
      "Acquire::http::Timeout=10",
    ].flatMap((option) => ["-o", option]);
    await run("apt-get", [...options, "-q", "update"], { cwd: work, timeout: 60_000 });
    await run("apt-get", [...options, "-q", "download", "kubectl"], { cwd: work, timeout: 120_000 });
    const archive = (await readdir(work)).find((file) => file.endsWith(".deb"));
    if (archive === undefined) return false;
    await run("dpkg-deb", ["-x", archive, "files"], { cwd: work });
    await mkdir(CACHE, { recursive: true });
    await rename(path.join(work, "files", "usr", "bin", "kubectl"), binary);
    return true;
  } catch {
    return false; // no network, or not a Debian: the tests say which versions they ran with
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The mirror that the machine itself uses. */
function debianMirror(): string {
  const files = ["/etc/apt/sources.list", ...listSources().map((file) => `/etc/apt/sources.list.d/${file}`)];
  for (const file of files) {
    if (!existsSync(file)) continue;
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const uri = /^(?:URIs:|deb)\s.*?(https?:\/\/\S+\/debian)\/?(?:\s|$)/.exec(line)?.[1];
      if (uri !== undefined) return uri;
    }
  }
  return "http://deb.debian.org/debian";
}

function listSources(): readonly string[] {
  return existsSync("/etc/apt/sources.list.d") ? readdirSync("/etc/apt/sources.list.d") : [];
}
