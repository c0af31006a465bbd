import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import path from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createControlPlane } from "../../engine/control-plane.ts";
import { parsePodRanges } from "../../engine/controllers/nodes/pod-ranges.ts";
import type { Client } from "../../engine/client/client.ts";
import { createLocalClient } from "../../engine/client/local-client.ts";
import { ChangingValue } from "../../engine/lib/changing-value.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import type { UsageSummary } from "../../engine/server/metrics/usage-reader.ts";
import type { NodeTransport } from "../../engine/server/nodes/node-proxy.ts";
import { findKubectls } from "../kit/kubectl.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { Kubelets } from "../scenarios/controllers/kubelets.ts";
import { formatTranscript, normalize, parseTranscript, type Step } from "./golden/transcript.ts";

/**
 * Transcripts of kubectl, each in a namespace of its own on a server with controllers, scheduler and nodes that pretend. What a file
 * says is run and must come out again. UPDATE_GOLDEN=1 writes what came out instead; read the difference before you keep it.
 */
const FOLDER = path.join(import.meta.dirname, "golden");
/** Whose words the transcripts are: older ones say some things otherwise. */
const MINOR = 36;
const files = (await readdir(FOLDER)).filter((name) => name.endsWith(".txt")).sort();
const [kubectl] = (await findKubectls()).toSorted((left, right) => Number(right.version.split(".")[1]) - Number(left.version.split(".")[1]));
if (kubectl === undefined) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

describe.skipIf(kubectl === undefined)("kubectl, as written down", () => {
  let api: TestListener;
  let bin: string;
  let minor: number;
  const running = new AbortController();
  let ended: Promise<void>;

  beforeAll(async () => {
    api = await startTestListener({ defaultAccounts: false, nodes: pretendedUsage(() => api.client) });
    const as = (username: string) => createLocalClient(api.server, { username, groups: ["system:authenticated"] }, username.replace(/^.*:/, ""));
    const kubelets = new Kubelets(api.client, systemClock);
    kubelets.places = false;
    kubelets.startMs = 50;
    kubelets.stopMs = 50;
    kubelets.exitCode = ({ metadata }) => (metadata.labels?.["ends"] === undefined ? undefined : Number(metadata.labels["ends"]));
    ended = runServices(
      [
        ...createControlPlane({
          as,
          clock: systemClock,
          random: systemRandom,
          logger: silentLogger,
          metrics: new MetricsRegistry(),
          rootCa: new ChangingValue("test CA"),
          podRanges: parsePodRanges("10.42.0.0/16"),
        }),
        kubelets.asService(),
      ],
      running.signal,
    );
    for (const name of ["n1", "n2"]) await kubelets.up(name, { "kubernetes.io/hostname": name });
    for (const name of ["n1", "n2"])
      await api.client
        .for(nodeResource)
        .patch("", name, "strategic", { status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }], capacity: FIGURES, allocatable: FIGURES } }, { subresource: "status" });
    bin = path.join(api.directory, "bin");
    await mkdir(bin);
    await symlink(await whereIs(kubectl?.binary ?? "kubectl"), path.join(bin, "kubectl"));
    const { text } = await run("kubectl version -o json", api.directory, { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: api.directory, KUBECONFIG: api.kubeconfig });
    minor = Number((JSON.parse(text) as { readonly clientVersion: { readonly minor: string } }).clientVersion.minor);
  });

  afterAll(async () => {
    running.abort();
    await ended;
    await api.stop();
  });

  test.for(files)("%s", async (file, { skip }) => {
    if (minor < MINOR) skip(`the transcripts are of kubectl 1.${MINOR}, and this is 1.${minor}`);
    const name = file.replace(/\.txt$/, "");
    const home = path.join(api.directory, name);
    await mkdir(home);
    const shell = (command: string): Promise<Step["outcome"]> =>
      run(command, home, { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: home, KUBECONFIG: path.join(home, "config"), SERVER: api.url, KUBE_EDITOR: "false" });
    await writeFile(path.join(home, "config"), await readFile(api.kubeconfig, "utf8"));
    await shell(`kubectl create namespace ${name} && kubectl config set-context --current --namespace ${name}`);
    await shell("until kubectl get serviceaccount default; do sleep 0.1; done");
    const written = await readFile(path.join(FOLDER, file), "utf8");
    const replayed: Step[] = [];
    for (const step of parseTranscript(written)) {
      const { code, text } = await shell(step.command);
      replayed.push({
        ...step,
        outcome: {
          code,
          text: normalize(text, [
            [api.url, "https://SERVER"],
            [api.directory, "/TMP"],
          ]),
        },
      });
    }
    const text = formatTranscript(replayed);
    if (process.env["UPDATE_GOLDEN"] !== undefined) return writeFile(path.join(FOLDER, file), text);
    expect(text).toBe(written);
  });
});

const FIGURES = { cpu: "2", memory: "4Gi" };

/** Agents that say the same of every node and container. */
function pretendedUsage(client: () => Client): NodeTransport {
  const summaryOf = async (nodeName: string): Promise<UsageSummary> => {
    const use = (milliCores: number, mebibytes: number) => ({ cpu: { time: new Date().toISOString(), usageNanoCores: milliCores * 1_000_000 }, memory: { workingSetBytes: mebibytes << 20 } });
    const pods = (
      await client()
        .for(podResource)
        .list("", { fieldSelector: `spec.nodeName=${nodeName}` })
    ).items;
    return {
      node: use(250, 512),
      windowSeconds: 10,
      pods: pods.map(({ metadata, spec }) => ({ podRef: { uid: metadata.uid ?? "" }, containers: spec.containers.map(({ name }) => ({ name, ...use(5, 12) })) })),
    };
  };
  return {
    open: async ({ nodeName }) => Readable.from([Buffer.from(JSON.stringify(await summaryOf(nodeName)))]) as IncomingMessage, // only its bytes are read
    identity: () => Promise.reject(new Error("nobody connects to these agents")),
  };
}

function run(command: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Step["outcome"]> {
  return new Promise((resolve) => {
    // Both streams as a reader of the screen sees them.
    execFile("/bin/sh", ["-c", `exec 2>&1\n${command}`], { cwd, env, timeout: 90_000, maxBuffer: 16 << 20 }, (error, stdout) =>
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, text: stdout }),
    );
  });
}

/** The program itself, not what stands before it: a dispatcher would ask the server first which one to be. */
async function whereIs(binary: string): Promise<string> {
  if (binary.includes("/")) return binary;
  const { text } = await run(`command -v ${binary}`, "/", { PATH: process.env["PATH"] ?? "" });
  return text.trim();
}
