import { readFileSync } from "node:fs";
import path from "node:path";
import * as yaml from "js-yaml";

/** How to reach one API server as one user. Certificates and keys are PEM text. */
export interface Connection {
  /** `https://host:port`, without a path. */
  readonly server: string;
  readonly ca?: string;
  /** The name that its certificate is held against, when not the one in the address. */
  readonly serverName?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  readonly insecureSkipVerify?: boolean;
}

interface KubeconfigFile {
  readonly "current-context"?: string;
  readonly clusters?: readonly { readonly name: string; readonly cluster: Readonly<Record<string, unknown>> }[];
  readonly users?: readonly { readonly name: string; readonly user: Readonly<Record<string, unknown>> }[];
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
}

/** Reads the current context of a kubeconfig file. Throws with the file's name and what is missing in it. */
export function readKubeconfig(file: string): Connection {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`cannot read the kubeconfig ${file}; is a server running with this data directory?`, { cause: error });
  }
  const config = (yaml.load(text) ?? {}) as KubeconfigFile; // every field is checked where it is used
  const name = config["current-context"];
  const context = config.contexts?.find((candidate) => candidate.name === name)?.context;
  const cluster = config.clusters?.find((candidate) => candidate.name === context?.cluster)?.cluster;
  const user = config.users?.find((candidate) => candidate.name === context?.user)?.user ?? {};
  if (cluster === undefined || typeof cluster["server"] !== "string") throw new Error(`${file}: the context "${name ?? ""}" names no cluster with a server`);
  const material = (source: Readonly<Record<string, unknown>>, field: string) => readMaterial(source, field, path.dirname(file));
  const ca = material(cluster, "certificate-authority");
  const certificate = material(user, "client-certificate");
  const key = material(user, "client-key");
  const token =
    typeof user["token"] === "string"
      ? user["token"]
      : typeof user["tokenFile"] === "string"
        ? readFileSync(path.resolve(path.dirname(file), user["tokenFile"]), "utf8").trim()
        : undefined;
  return {
    server: cluster["server"].replace(/\/$/, ""),
    ...(ca === undefined ? {} : { ca }),
    ...(typeof cluster["tls-server-name"] === "string" ? { serverName: cluster["tls-server-name"] } : {}),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
    ...(cluster["insecure-skip-tls-verify"] === true ? { insecureSkipVerify: true } : {}),
  };
}

/** How one says who one is. */
export interface KubeconfigUser {
  readonly token?: string;
  /** A file with a token, which others may change. */
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface KubeconfigUsers {
  readonly byName: ReadonlyMap<string, KubeconfigUser>;
  /** That of the current context, if there is one. */
  readonly current: KubeconfigUser | undefined;
}

const USER_FIELDS = ["token", "tokenFile", "username", "password", "client-certificate", "client-certificate-data", "client-key", "client-key-data"];

/** All users of a kubeconfig file, which need not name any cluster. Throws with the user and the field for what cannot be used. */
export function readKubeconfigUsers(file: string): KubeconfigUsers {
  const config = (yaml.load(readFileSync(file, "utf8")) ?? {}) as KubeconfigFile; // every field is checked where it is used
  const byName = new Map((config.users ?? []).map(({ name, user }) => [name, userOf(name, user ?? {}, path.dirname(file))]));
  const context = config.contexts?.find(({ name }) => name === config["current-context"])?.context;
  return { byName, current: byName.get(context?.user ?? "") };
}

function userOf(name: string, source: Readonly<Record<string, unknown>>, folder: string): KubeconfigUser {
  const other = Object.keys(source).find((field) => !USER_FIELDS.includes(field));
  if (other !== undefined) throw new Error(`users ${JSON.stringify(name)}: ${other} is not known here`);
  const text = (field: string) => (typeof source[field] === "string" && source[field] !== "" ? source[field] : undefined);
  const certificate = readMaterial(source, "client-certificate", folder);
  const key = readMaterial(source, "client-key", folder);
  if ((certificate === undefined) !== (key === undefined)) throw new Error(`users ${JSON.stringify(name)}: client-certificate and client-key belong together`);
  const [token, tokenFile, username, password] = [text("token"), text("tokenFile"), text("username"), text("password")];
  return {
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile: path.resolve(folder, tokenFile) }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
  };
}

/** The text of a kubeconfig with one context; certificates are embedded, so the file can be copied anywhere. */
export function formatKubeconfig(connection: Connection, names: { readonly cluster: string; readonly user: string }): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return yaml.dump({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: names.cluster,
        cluster: {
          server: connection.server,
          ...(connection.ca === undefined ? {} : { "certificate-authority-data": base64(connection.ca) }),
          ...(connection.serverName === undefined ? {} : { "tls-server-name": connection.serverName }),
        },
      },
    ],
    users: [
      {
        name: names.user,
        user: {
          ...(connection.certificate === undefined ? {} : { "client-certificate-data": base64(connection.certificate) }),
          ...(connection.key === undefined ? {} : { "client-key-data": base64(connection.key) }),
          ...(connection.token === undefined ? {} : { token: connection.token }),
        },
      },
    ],
    contexts: [{ name: names.cluster, context: { cluster: names.cluster, user: names.user } }],
    "current-context": names.cluster,
  });
}

/** Either embedded as base64 (`…-data`) or a file beside the kubeconfig. */
function readMaterial(source: Readonly<Record<string, unknown>>, field: string, folder: string): string | undefined {
  const data = source[`${field}-data`];
  if (typeof data === "string") return Buffer.from(data, "base64").toString("utf8");
  const file = source[field];
  return typeof file === "string" ? readFileSync(path.resolve(folder, file), "utf8") : undefined;
}
