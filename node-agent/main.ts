import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { Command } from "commander";
import { createSigningRequest } from "../engine/auth/certificates.ts";
import { createHttpClient } from "../engine/client/http-client.ts";
import { formatKubeconfig, readKubeconfig } from "../engine/client/kubeconfig.ts";
import { systemClock } from "../engine/lib/clock.ts";
import { createLogger } from "../engine/lib/log.ts";
import { systemRandom } from "../engine/lib/random.ts";
import { runAgent } from "./agent.ts";
import { agentOptions, machineAddress, resolveAgentConfig, type AgentConfig } from "./config.ts";
import { GIT_VERSION } from "../engine/server/version.ts";

/** `mainstay agent`: joins if need be, then runs the agent until it is told to stop, or its parent process is gone. */
export async function runAgentCommand(args: readonly string[]): Promise<void> {
  const command = new Command("mainstay agent").description("run the node agent and join a cluster");
  for (const row of agentOptions) command.option(row.flags, `${row.description} [MAINSTAY_…]${row.default === undefined ? "" : ` (default: ${row.default})`}`);
  command.option("--no-install", "refuse to install missing packages; print the command that would");
  const config = resolveAgentConfig(command.parse([...args], { from: "user" }).opts(), process.env);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  // Started by `mainstay server`: without it there is nobody to answer to, and the next one brings its own agent.
  if (process.send !== undefined) process.on("disconnect", () => stop.abort());
  const nodeIp = config.nodeIp ?? machineAddress(execFileSync("ip", ["route", "show", "default"], { encoding: "utf8" }));
  const kubeconfig = config.kubeconfig ?? (await join(config, nodeIp));
  const folder = path.dirname(kubeconfig);
  const endpoint = { certificate: readFileSync(path.join(folder, "serving.crt"), "utf8"), key: readFileSync(path.join(folder, "serving.key"), "utf8"), clientCa: readFileSync(path.join(folder, "ca.crt"), "utf8") };
  const logger = createLogger(config.logLevel, path.join(config.dataDir, "agent.log"));
  const client = createHttpClient(readKubeconfig(kubeconfig), `mainstay-agent/${GIT_VERSION}`);
  try {
    await runAgent(config, { client, clock: systemClock, random: systemRandom, logger, nodeIp, endpoint, version: GIT_VERSION }, stop.signal);
  } finally {
    // The open channel to the server would keep this process, and so the server, waiting for ever.
    if (process.connected) process.disconnect();
  }
}

interface JoinAnswer {
  readonly certificate: string;
  readonly ca: string;
  readonly servingCertificate?: string;
}

/**
 * Gets this machine its certificates with the join token, once; they are kept in the data directory.
 * The token proves the machine to the server; the server's authority is trusted on this first use.
 */
async function join(config: AgentConfig, nodeIp: string): Promise<string> {
  const folder = path.join(config.dataDir, "pki");
  const file = path.join(folder, "kubeconfig.yaml");
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const client = await createSigningRequest(`system:node:${config.nodeName}`);
  const serving = await createSigningRequest(`system:node:${config.nodeName}`);
  const answer = (await post(`${config.server}/mainstay/v1/join`, config.token ?? "", { nodeName: config.nodeName, csr: client.request, servingCsr: serving.request, addresses: [nodeIp] })) as JoinAnswer;
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write("ca.crt", answer.ca);
  write("serving.crt", answer.servingCertificate ?? answer.certificate);
  write("serving.key", answer.servingCertificate === undefined ? client.key : serving.key);
  write("kubeconfig.yaml", formatKubeconfig({ server: config.server ?? "", ca: answer.ca, certificate: answer.certificate, key: client.key }, { cluster: "mainstay", user: `system:node:${config.nodeName}` }));
  return file;
}

function post(url: string, token: string, body: unknown): Promise<unknown> {
  const payload = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: "POST", rejectUnauthorized: false, headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": Buffer.byteLength(payload) } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        if (response.statusCode === 200 || response.statusCode === 201) resolve(JSON.parse(text));
        else reject(new Error(`${url} refused to let this machine join (${response.statusCode}): ${text.slice(0, 300)}`));
      });
    });
    outgoing.on("error", (error) => reject(new Error(`join through ${url}`, { cause: error })));
    outgoing.end(payload);
  });
}
