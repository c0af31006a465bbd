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

const KEYS: ReadonlyMap<string, keyof RepositoryAccess> = new Map(
  Object.entries({
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
  } as const),
);

/** Reads a Secret named `namespace/name`, anew each time: a rotated token counts at once. One that is not there says nothing. */
export async function readRepositoryAccess(client: Client, secret: string): Promise<RepositoryAccess> {
  const [namespace = "", name = ""] = secret.split("/");
  try {
    const { data = {} } = await client.for(secretResource).get(namespace, name);
    return Object.fromEntries(
      Object.entries(data).flatMap(([key, value]) => {
        const field = KEYS.get(key);
        return field === undefined ? [] : [[field, Buffer.from(value, "base64").toString("utf8")]];
      }),
    );
  } catch (error) {
    if (hasReason(error, "NotFound")) return {};
    throw error;
  }
}

/** The variables that Git's question for a password is answered from. */
const [USERNAME, PASSWORD] = ["MAINSTAY_GIT_USERNAME", "MAINSTAY_GIT_PASSWORD"];
const ANSWER = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${USERNAME}" "$${PASSWORD}"; }; f`;

/**
 * Settings for one native Git process that goes to an address, by its environment: nothing of them stands in an argument that others on the
 * machine can read. A password is only for the host of the address, wherever that leads to; a token is sent with every request, so with one
 * no other address is gone to.
 */
export async function gitAccessEnvironment(access: RepositoryAccess, url: string, folder: string): Promise<Readonly<Record<string, string>>> {
  const { username = "git", password, bearerToken, ca, identity, knownHosts } = access;
  const settings: (readonly [string, string])[] = [["credential.helper", ""]];
  if (bearerToken !== undefined) settings.push(["http.extraHeader", `Authorization: Bearer ${bearerToken.trim()}`], ["http.followRedirects", "false"]);
  else if (password !== undefined) for (const host of hostsOf(url)) settings.push([`credential.${host}.helper`, ANSWER]);
  if (ca !== undefined) settings.push(["http.sslCAInfo", await keepFile(folder, "ca.crt", ca)]);
  const ssh: Readonly<Record<string, string>> =
    identity === undefined && knownHosts === undefined ? {} : { GIT_SSH_COMMAND: await sshCommand(folder, identity, knownHosts) };
  return {
    ...ssh,
    ...(password === undefined ? {} : { [USERNAME]: username.trim(), [PASSWORD]: password.replace(/[\r\n]+$/, "") }),
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

/** Who may be shown the password for an address. A host that leads from HTTP to HTTPS is still the same one. */
function hostsOf(url: string): readonly string[] {
  if (!/^https?:/i.test(url)) return [];
  const { protocol, host } = new URL(url);
  return protocol === "http:" ? [`http://${host}`, `https://${host}`] : [`${protocol}//${host}`];
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
