import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface EtcdMember {
  /** Where clients reach it: `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Of its process, while it runs. */
  readonly pid: number;
  readonly dataDir: string;
  /** SIGKILL, and the process is gone when this resolves. */
  kill(): Promise<void>;
  /** Stops the process as a hung machine would: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Starts a killed member again on its ports and data; resolves when it serves. */
  restart(): Promise<void>;
}

export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  /** The member that leads, as the others that answer say. */
  leader(): Promise<EtcdMember>;
  stop(): Promise<void>;
}

export interface EtcdClusterOptions {
  readonly members?: number;
  /** More of etcd's flags. */
  readonly flags?: readonly string[];
}

const READY_MAX_MS = 20_000;

/** Whether tests with a real etcd cannot run here: says why on a developer's machine, throws in CI, where it has to be there. */
export function skipWithoutEtcd(): boolean {
  const found = spawnSync("etcd", ["--version"], { encoding: "utf8" });
  if (found.status === 0) return false;
  if (process.env["CI"]) throw new Error("etcd is not installed; in CI it must be (Debian package etcd-server)");
  console.log("skipped: etcd is not installed (Debian package etcd-server)");
  return true;
}

/** A cluster of real etcd processes on loopback, with the short timers of a local network. Everything is gone after `stop`. */
export async function startEtcd({ members: count = 1, flags = [] }: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "etcd-"));
  const ports = await freePorts(count * 2);
  const peers = Array.from({ length: count }, (_, index) => ({ name: `m${index}`, client: `http://127.0.0.1:${ports[index * 2]}`, peer: `http://127.0.0.1:${ports[index * 2 + 1]}` }));
  const initialCluster = peers.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const members = peers.map(({ name, client, peer }) => {
    const args = [
      ...["--name", name, "--data-dir", path.join(folder, name)],
      ...["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", initialCluster, "--initial-cluster-state", "new", "--initial-cluster-token", path.basename(folder)],
      ...["--heartbeat-interval", "50", "--election-timeout", "300", "--logger", "zap", "--log-outputs", path.join(folder, `${name}.log`), ...flags],
    ];
    return new Member(client, path.join(folder, name), args);
  });
  const killAll = () => {
    for (const member of members) member.signal("SIGKILL");
  };
  process.once("exit", killAll);
  const stop = async () => {
    await Promise.all(members.map((member) => member.kill()));
    process.off("exit", killAll);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(members.map((member) => member.restart()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { members, endpoints: members.map(({ endpoint }) => endpoint), leader: () => findLeader(members), stop, [Symbol.asyncDispose]: stop };
}

class Member implements EtcdMember {
  readonly endpoint: string;
  readonly dataDir: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(endpoint: string, dataDir: string, args: readonly string[]) {
    this.endpoint = endpoint;
    this.dataDir = dataDir;
    this.#args = args;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`etcd at ${this.endpoint} does not run`);
    return this.#child.pid;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  pause(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  async restart(): Promise<void> {
    // Debian's etcd for arm64 starts only when told that it may.
    const env = process.arch === "arm64" ? { ...process.env, ETCD_UNSUPPORTED_ARCH: "arm64" } : process.env;
    const child = spawn("etcd", this.#args, { stdio: "ignore", env });
    this.#child = child;
    const deadline = performance.now() + READY_MAX_MS;
    while (!(await isHealthy(this.endpoint))) {
      if (child.exitCode !== null) throw new Error(`etcd at ${this.endpoint} ended with code ${child.exitCode}`);
      if (performance.now() > deadline) throw new Error(`etcd at ${this.endpoint} is not healthy after ${READY_MAX_MS} ms`);
      await delay(50);
    }
  }
}

async function isHealthy(endpoint: string): Promise<boolean> {
  const answer = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
  return answer?.ok === true && ((await answer.json()) as { health?: unknown }).health === "true";
}

async function findLeader(members: readonly Member[]): Promise<EtcdMember> {
  const deadline = performance.now() + READY_MAX_MS;
  while (performance.now() < deadline) {
    for (const member of members) {
      const answer = await fetch(`${member.endpoint}/v3/maintenance/status`, { method: "POST", body: "{}", signal: AbortSignal.timeout(500) }).catch(() => undefined);
      if (answer?.ok !== true) continue;
      const status = (await answer.json()) as { leader?: string; header?: { member_id?: string } };
      if (status.leader !== undefined && status.leader !== "0" && status.leader === status.header?.member_id) return member;
    }
    await delay(50);
  }
  throw new Error("no member of the etcd cluster leads");
}

/** Ports that were free a moment ago, all different. */
/** Ports of loopback that nobody had a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port); // a TCP server's address is an AddressInfo
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
