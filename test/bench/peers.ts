import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { createAuthority, issueCertificate, type KeyPair } from "../../engine/auth/certificates.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { readKubeconfig, type Connection } from "../../engine/client/kubeconfig.ts";
import { customResourceDefinitionResource } from "../../engine/resources/apiextensions/custom-resource-definition.ts";
import { freePorts, startEtcd } from "../kit/etcd.ts";
import { thisMachine } from "../kit/hosts.ts";
import { makeDataDir, startMainstay } from "../kit/mainstay.ts";
import { cpuMs, poll } from "./measure.ts";

const READY_POLL_MS = 10;

/** A running server. The first process is its own; CPU time is of all, the store included. */
export interface Peer extends AsyncDisposable {
  readonly connection: Connection;
  readonly pids: readonly number[];
  /** Of a new cluster, and of the one that was there already: from its exec until it said that it is ready; its store ran before. */
  readonly starts: readonly [Start, Start];
}

export interface Start {
  readonly ms: number;
  readonly cpuMs: number;
}

/** A bare control plane. */
export async function startOurs(store: "SQLite" | "etcd", args: readonly string[] = []): Promise<Peer> {
  const etcd = store === "etcd" ? await startEtcd() : undefined;
  const dataDir = makeDataDir();
  const [port] = await freePorts(1);
  const start = async () => {
    const startMs = performance.now();
    const starting = startMainstay(thisMachine, dataDir, [
      "--no-agent",
      "--no-git",
      "--api-port",
      String(port),
      ...args,
      ...(etcd === undefined ? [] : ["--datastore-endpoint", etcd.endpoints.join(",")]),
    ]);
    await Promise.race([starting, poll(() => answersOk({ server: `https://127.0.0.1:${port}`, insecureSkipVerify: true }, "/readyz"), READY_POLL_MS)]);
    const ms = performance.now() - startMs;
    const server = await starting;
    return { server, figures: { ms, cpuMs: cpuMs([server.process.pid!]) } };
  };
  const first = await start();
  await first.server.stop();
  const { server, figures } = await start();
  const dispose = async () => {
    await server.stop();
    await etcd?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    connection: readKubeconfig(server.kubeconfig),
    pids: [server.process.pid!, ...(etcd?.members ?? []).map((member) => member.pid)],
    starts: [first.figures, figures],
    [Symbol.asyncDispose]: dispose,
  };
}

/** Upstream's server, or its generic half, over an etcd of its own. */
export async function startUpstream(program: "kube-apiserver" | "apiextensions-apiserver", more: readonly string[] = []): Promise<Peer> {
  const etcd = await startEtcd();
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  const file = (name: string, text?: string) => {
    if (text !== undefined) writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 86_400_000 };
  const authority = await createAuthority("bench authority", lifetime.notBeforeMs, lifetime.notAfterMs);
  const serving = await issueCertificate(authority, { commonName: "bench", usage: "serving", ipAddresses: ["127.0.0.1"], ...lifetime });
  const operator = await issueCertificate(authority, { commonName: "bench", organizations: ["system:masters"], usage: "client", ...lifetime });
  const [port] = await freePorts(1);
  const connection: Connection = { server: `https://127.0.0.1:${port}`, ca: authority.certificate, ...operator };
  const serve = [
    "--etcd-servers",
    etcd.endpoints.join(","),
    "--bind-address",
    "127.0.0.1",
    "--secure-port",
    String(port),
    "--tls-cert-file",
    file("serving.crt", serving.certificate),
    "--tls-private-key-file",
    file("serving.key", serving.key),
    "--client-ca-file",
    file("ca.crt", authority.certificate),
  ];
  const isWhole = program === "kube-apiserver";
  const args = [...serve, ...more, ...(isWhole ? wholeServer(file, serving) : genericServer(file, connection.server))];
  const definitions = createHttpClient(connection, "bench").for(customResourceDefinitionResource);
  // Its generic half, which lacks the core API, need not become ready to serve what it has.
  const isReady = () =>
    isWhole
      ? answersOk(connection, "/readyz")
      : definitions.list("").then(
          () => true,
          () => false,
        );
  const start = async () => {
    const startMs = performance.now();
    const child = spawn(program, args, { stdio: "ignore" });
    const exited = once(child, "exit");
    await poll(async () => child.exitCode !== null || (await isReady()), READY_POLL_MS);
    if (child.exitCode !== null) throw new Error(`${program} ended with code ${child.exitCode}`);
    return { child, exited, figures: { ms: performance.now() - startMs, cpuMs: cpuMs([child.pid!]) } };
  };
  const first = await start();
  first.child.kill("SIGTERM");
  await first.exited;
  const { child, exited, figures } = await start();
  const dispose = async () => {
    child.kill("SIGTERM");
    await exited;
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { connection, pids: [child.pid!, ...etcd.members.map(({ pid }) => pid)], starts: [first.figures, figures], [Symbol.asyncDispose]: dispose };
}

async function answersOk({ server, ca, certificate, key, insecureSkipVerify }: Connection, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = https.get(`${server}${path}`, { ca, cert: certificate, key, rejectUnauthorized: insecureSkipVerify !== true, agent: false }, (answer) => resolve(answer.resume().statusCode === 200));
    asked.on("error", () => resolve(false)); // nobody listens yet
  });
}

type WriteFile = (name: string, text?: string) => string;

function wholeServer(file: WriteFile, { certificate, key }: KeyPair): readonly string[] {
  return [
    "--service-cluster-ip-range",
    "10.96.0.0/16",
    "--authorization-mode",
    "Node,RBAC",
    "--service-account-issuer",
    "https://kubernetes.default.svc",
    "--service-account-key-file",
    file("accounts.crt", certificate),
    "--service-account-signing-key-file",
    file("accounts.key", key),
  ];
}

/** Without the core API of a whole server, that which would ask it is switched off. */
function genericServer(file: WriteFile, server: string): readonly string[] {
  const nobody = file(
    "nobody.yaml",
    `apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nclusters: [{name: a, cluster: {server: "${server}", insecure-skip-tls-verify: true}}]\nusers: [{name: a, user: {}}]\n`,
  );
  const kubeconfigs = ["--kubeconfig", nobody, "--authentication-kubeconfig", nobody, "--authorization-kubeconfig", nobody];
  const plugins = "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy";
  return [...kubeconfigs, "--authentication-skip-lookup", "--enable-priority-and-fairness=false", "--disable-admission-plugins", plugins];
}
