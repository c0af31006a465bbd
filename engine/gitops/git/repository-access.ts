import { promises as fs } from "node:fs";
import path from "node:path";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { secretResource } from "../../resources/core/secret.ts";

/** What a Secret says about reaching a repository and its forge. All of it may be absent. Keys as Flux has them, where it has them. */
export interface RepositoryAccess {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** Certificates of the authority, PEM. */
  readonly ca?: string;
  /** Private key for SSH, and the hosts that it may be shown to. */
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly webhookSecret?: string;
  /** For comments and commit statuses. */
  readonly forgeToken?: string;
}

const KEYS: Readonly<Record<string, keyof RepositoryAccess>> = {
  username: "username",
  password: "password",
  bearerToken: "bearerToken",
  "ca.crt": "ca",
  caFile: "ca",
  identity: "identity",
  "ssh-privatekey": "identity",
  known_hosts: "knownHosts",
  webhookSecret: "webhookSecret",
  forgeToken: "forgeToken",
};

/** Reads a Secret named `namespace/name`, anew each time: a rotated token counts at once. One that is not there says nothing. */
export async function readRepositoryAccess(client: Client, secret: string): Promise<RepositoryAccess> {
  const [namespace = "", name = ""] = secret.split("/");
  try {
    const { data = {} } = await client.for(secretResource).get(namespace, name);
    return Object.fromEntries(
      Object.entries(data).flatMap(([key, value]) => (KEYS[key] === undefined ? [] : [[KEYS[key], Buffer.from(value, "base64").toString("utf8")]])),
    );
  } catch (error) {
    if (hasReason(error, "NotFound")) return {};
    throw error;
  }
}

/** Settings for one native Git process, by its environment: nothing of them stands in an argument that others on the machine can read. */
export async function gitAccessEnvironment(access: RepositoryAccess, folder: string): Promise<Readonly<Record<string, string>>> {
  const { username = "git", password, bearerToken, ca, identity, knownHosts } = access;
  const settings: (readonly [string, string])[] = [];
  const basic = password === undefined ? undefined : Buffer.from(`${username}:${password}`).toString("base64");
  const header = bearerToken !== undefined ? `Bearer ${bearerToken.trim()}` : basic === undefined ? undefined : `Basic ${basic}`;
  if (header !== undefined) settings.push(["http.extraHeader", `Authorization: ${header}`]);
  if (ca !== undefined) settings.push(["http.sslCAInfo", await keepFile(folder, "ca.crt", ca)]);
  const ssh: Readonly<Record<string, string>> =
    identity === undefined && knownHosts === undefined ? {} : { GIT_SSH_COMMAND: await sshCommand(folder, identity, knownHosts) };
  return {
    ...ssh,
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

/** Without known hosts nothing is connected to: whoever answered first would be believed. */
async function sshCommand(folder: string, identity: string | undefined, knownHosts: string | undefined): Promise<string> {
  const hosts = await keepFile(folder, "known_hosts", knownHosts ?? "");
  const key =
    identity === undefined
      ? []
      : ["-i", quote(await keepFile(folder, "identity", identity.endsWith("\n") ? identity : `${identity}\n`)), "-o", "IdentitiesOnly=yes"];
  return ["ssh", ...key, "-o", quote(`UserKnownHostsFile=${hosts}`), "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"].join(" ");
}

async function keepFile(folder: string, name: string, content: string): Promise<string> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, name);
  if ((await fs.readFile(file, "utf8").catch(() => undefined)) !== content) {
    await fs.writeFile(`${file}.new`, content, { mode: 0o600 });
    await fs.rename(`${file}.new`, file);
  }
  return file;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
