import os from "node:os";
import path from "node:path";
import { parseCronSchedule } from "../apimachinery/cron-schedule.ts";
import { checkRecipient } from "../backup/check-recipient.ts";
import { parseRevision } from "../gitops/git/choose-revision.ts";
import { pluginChoiceProblem } from "../admission/choose-plugins.ts";
import { chooseControllers, type ControllerChoice } from "../controllers/choose-controllers.ts";
import { apiOptions, type ApiConfig } from "./api-options.ts";
import { flagKey, variableName } from "./flag-names.ts";
import { networkOptions, networkProblem, type NetworkConfig } from "./network-options.ts";
import { oneOf, positive, type OptionRowOf } from "./option-values.ts";
import { commaList } from "../lib/comma-list.ts";
import { authOptions, tokenSigningProblem, type AuthConfig } from "./auth-options.ts";

/**
 * Every option of `mainstay server`: the one table behind --help, the MAINSTAY_… variables and the types.
 * A flag on the command line wins over the environment, which wins over the default.
 */
export interface ServerConfig extends AuthConfig, ApiConfig, NetworkConfig {
  readonly dataDir: string;
  readonly apiPort: number;
  /** Stands in for apiPort where it is given. */
  readonly securePort: number | undefined;
  readonly gitPort: number;
  readonly gitAddress: string;
  readonly gitAnonymous: boolean;
  readonly bindAddress: string;
  readonly clusterName: string;
  readonly nodeName: string;
  readonly repo: string | undefined;
  readonly branch: string;
  readonly repoSecret: string;
  readonly webhookPort: number | undefined;
  readonly webhookAddress: string;
  readonly path: string;
  readonly datastoreEndpoint: string | undefined;
  readonly datastoreCaFile: string | undefined;
  readonly datastoreCertFile: string | undefined;
  readonly datastoreKeyFile: string | undefined;
  readonly etcdServers: string | undefined;
  readonly etcdCafile: string | undefined;
  readonly etcdCertfile: string | undefined;
  readonly etcdKeyfile: string | undefined;
  readonly clusterInit: boolean;
  readonly server: string | undefined;
  readonly token: string | undefined;
  readonly etcdClientPort: number;
  readonly etcdPeerPort: number;
  readonly containerRuntimeEndpoint: string | undefined;
  readonly agent: boolean;
  readonly git: boolean;
  readonly backupDir: string | undefined;
  readonly backupRepo: string | undefined;
  readonly backupRecipient: readonly string[];
  readonly backupSchedule: string;
  readonly backupKeep: number;
  readonly sopsAgeKeyFile: string | undefined;
  readonly sopsAgeSecret: string;
  readonly controllers: ControllerChoice;
  readonly schedulerConfig: string | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

const BACKUP_SCHEDULE = "0 3 * * *";

export type OptionRow = OptionRowOf<ServerConfig>;

export const serverOptions: readonly OptionRow[] = [
  { key: "dataDir", flags: "--data-dir <dir>", description: "where everything is kept", default: "/var/lib/mainstay", parse: (text) => path.resolve(text) },
  { key: "apiPort", flags: "--api-port <port>", description: "port of the Kubernetes API (HTTPS)", default: "6443", parse: port },
  { key: "securePort", flags: "--secure-port <port>", description: "the same, by the name that upstream's operators know", parse: port },
  { key: "gitPort", flags: "--git-port <port>", description: "port of the hosted Git repositories", default: "6480", parse: port },
  {
    key: "gitAddress",
    flags: "--git-address <ip>",
    description: "address they are served at: on the loopback by HTTP, and whoever reaches it may push; elsewhere by HTTPS, to those who log in with a token",
    default: "127.0.0.1",
  },
  { key: "gitAnonymous", flags: "--no-git-anonymous", description: "ask for a token on the loopback as well" },
  {
    key: "bindAddress",
    flags: "--bind-address <ip>",
    description: "address the API listens on; other machines can join only when it is reachable",
    default: "127.0.0.1",
  },
  { key: "clusterName", flags: "--cluster-name <name>", description: "name of the cluster, and of its status branch", default: "local", parse: branchSafeName },
  {
    key: "nodeName",
    flags: "--node-name <name>",
    description: "name of this machine's Node",
    get default() {
      return os.hostname().toLowerCase();
    },
  },
  ...networkOptions,
  { key: "repo", flags: "--repo <url>", description: "follow this remote repository instead of hosting one (https, ssh or a file path)" },
  {
    key: "branch",
    flags: "--branch <name>",
    description: "branch that holds the desired state; of a remote also tag:<name>, semver:<range> or commit:<id>",
    default: "main",
    parse: revision,
  },
  {
    key: "repoSecret",
    flags: "--repo-secret <namespace/name>",
    description: "Secret with the remote's credentials, CA and SSH key, its webhook secret, and the forge's token",
    default: "mainstay-system/repository",
    parse: namespacedName,
  },
  {
    key: "webhookPort",
    flags: "--webhook-port <port>",
    description: "port at which forges may tell of pushes to the remote, at /hook (default: nobody listens)",
    parse: port,
  },
  { key: "webhookAddress", flags: "--webhook-address <ip>", description: "address of that port", default: "127.0.0.1" },
  { key: "path", flags: "--path <dir>", description: "folder of the repository to use", default: "." },
  {
    key: "datastoreEndpoint",
    flags: "--datastore-endpoint <urls>",
    description: "etcd endpoints, separated by commas (default: SQLite in the data directory)",
  },
  { key: "datastoreCaFile", flags: "--datastore-cafile <file>", description: "CA certificate of the etcd endpoints" },
  { key: "datastoreCertFile", flags: "--datastore-certfile <file>", description: "client certificate for etcd" },
  { key: "datastoreKeyFile", flags: "--datastore-keyfile <file>", description: "client key for etcd" },
  ...(
    [
      ["etcdServers", "--etcd-servers <urls>", "endpoint"],
      ["etcdCafile", "--etcd-cafile <file>", "cafile"],
      ["etcdCertfile", "--etcd-certfile <file>", "certfile"],
      ["etcdKeyfile", "--etcd-keyfile <file>", "keyfile"],
    ] as const
  ).map(([key, flags, like]) => ({ key, flags, description: `the same as --datastore-${like}, by the name that upstream's operators know` })),
  {
    key: "clusterInit",
    flags: "--cluster-init",
    description: "found a control plane that further servers can join: the store is etcd, with a member on each of them",
  },
  {
    key: "server",
    flags: "--server <url>",
    description: "join the control plane of this server, such as https://10.0.0.1:6443, with a member of the store here",
  },
  { key: "token", flags: "--token <token>", description: "the token to join with; a server keeps it in <data-dir>/server/pki/server-token" },
  {
    key: "etcdClientPort",
    flags: "--etcd-client-port <port>",
    description: "port at which this machine's member of the store serves the servers",
    default: "2379",
    parse: port,
  },
  { key: "etcdPeerPort", flags: "--etcd-peer-port <port>", description: "port at which it serves the other members", default: "2380", parse: port },
  { key: "containerRuntimeEndpoint", flags: "--container-runtime-endpoint <socket>", description: "existing CRI socket (default: a containerd of our own)" },
  { key: "agent", flags: "--no-agent", description: "run the control plane only: this machine runs no pods" },
  { key: "git", flags: "--no-git", description: "host and follow no repository: what runs is what the API is told" },
  { key: "sopsAgeKeyFile", flags: "--sops-age-key-file <file>", description: "age keys that encrypted files of the repository (SOPS) are opened with" },
  {
    key: "sopsAgeSecret",
    flags: "--sops-age-secret <namespace/name>",
    description: "Secret with further age keys",
    default: "mainstay-system/sops-age",
    parse: namespacedName,
  },
  {
    key: "backupDir",
    flags: "--backup-dir <dir>",
    description: "write a backup into this folder whenever the schedule says so",
    parse: (text) => path.resolve(text),
  },
  { key: "backupRepo", flags: "--backup-repo <url>", description: "push it, encrypted, to the branch backups/<cluster> of this Git repository" },
  {
    key: "backupRecipient",
    flags: "--backup-recipient <age>",
    description: "encrypt scheduled backups to this age recipient (age1…)",
    default: "",
    parse: (text) => (text === "" ? [] : text.split(",").map(checkRecipient)),
    repeats: true,
  },
  {
    key: "backupSchedule",
    flags: "--backup-schedule <cron>",
    description: "when to, in UTC: five fields of cron, or @daily and its like",
    default: BACKUP_SCHEDULE,
    parse: schedule,
  },
  { key: "backupKeep", flags: "--backup-keep <count>", description: "how many of them stay", default: "7", parse: positive },
  {
    key: "controllers",
    flags: "--controllers <names>",
    description:
      "controllers that run, by upstream's names, and the scheduler: foo is on, -foo is off, * is all others but service-lb-controller, which gives Services of type LoadBalancer the nodes' addresses",
    default: "*",
    parse: (text) => chooseControllers(commaList(text)),
    repeats: true,
  },
  {
    key: "schedulerConfig",
    flags: "--scheduler-config <file>",
    description: "KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), the --config of kube-scheduler: profiles, their plugins and what those are told",
  },
  ...authOptions,
  ...apiOptions,
  { key: "logLevel", flags: "--log-level <level>", description: "debug, info, warn or error", default: "info", parse: oneOf("debug", "info", "warn", "error") },
];

/** The environment variable of an option: `--api-port` is MAINSTAY_API_PORT, `--no-agent` is MAINSTAY_NO_AGENT. */
export function environmentName({ key, flags }: Pick<OptionRow, "key" | "flags">): string {
  return variableName(isSwitch({ flags }) ? `no${key.charAt(0).toUpperCase()}${key.slice(1)}` : key);
}

/** What is on unless it is switched off. */
export function isSwitch({ flags }: Pick<OptionRow, "flags">): boolean {
  return flags.startsWith("--no-");
}

/** What is off unless it is switched on. */
export function isPlain({ flags }: Pick<OptionRow, "flags">): boolean {
  return !isSwitch({ flags }) && !flags.includes(" ");
}

/**
 * Merges flags, environment and defaults.
 * Throws a UsageError that names the option, the value and what would be right.
 */
export function resolveServerConfig(flags: Readonly<Record<string, unknown>>, environment: Readonly<Record<string, string | undefined>>): ServerConfig {
  const config: Record<string, unknown> = {};
  for (const row of serverOptions) {
    const variable = environmentName(row);
    if (isSwitch(row)) {
      // commander gives false for --no-agent; MAINSTAY_NO_AGENT=true says the same.
      config[row.key] = flags[flagKey(row.flags)] !== false && environment[variable] !== "true";
      continue;
    }
    if (isPlain(row)) {
      config[row.key] = flags[flagKey(row.flags)] === true || environment[variable] === "true";
      continue;
    }
    const flag = flags[flagKey(row.flags)];
    const text = flag === true ? "true" : typeof flag === "string" ? flag : (environment[variable] ?? row.default);
    const origin = flag !== undefined ? row.flags.split(" ")[0] : variable;
    config[row.key] = text === undefined ? undefined : parse(row, text, origin ?? row.key);
  }
  if (config["repo"] === undefined && parseRevision(String(config["branch"])).is !== "branch")
    throw new UsageError("--branch must name a branch of the hosted repository; tags, versions and commits are followed with --repo only");
  if (config["git"] === false && config["repo"] !== undefined) throw new UsageError("--repo and --no-git exclude each other: leave one of them out");
  refuseStoreConflicts(config);
  const { backupRepo, backupRecipient } = config as { readonly backupRepo?: string; readonly backupRecipient?: readonly string[] }; // as the table parses them
  if (backupRepo !== undefined && backupRecipient?.length === 0)
    throw new UsageError(
      "--backup-repo needs --backup-recipient: a backup holds the cluster's keys and Secrets, which must not lie in a repository in the clear",
    );
  config["serviceCidr"] = config["serviceClusterIpRange"] ?? config["serviceCidr"];
  const network = networkProblem(config as unknown as ServerConfig); // as its rows parse it
  if (network !== undefined) throw new UsageError(network);
  const signing = tokenSigningProblem(config as unknown as ServerConfig); // likewise
  if (signing !== undefined) throw new UsageError(signing);
  config["apiPort"] = config["securePort"] ?? config["apiPort"];
  for (const [own, upstream] of [
    ["datastoreEndpoint", "etcdServers"],
    ["datastoreCaFile", "etcdCafile"],
    ["datastoreCertFile", "etcdCertfile"],
    ["datastoreKeyFile", "etcdKeyfile"],
  ] as const)
    config[own] ??= config[upstream];
  if ((config["tlsCertFile"] === undefined) !== (config["tlsPrivateKeyFile"] === undefined))
    throw new UsageError("--tls-cert-file and --tls-private-key-file belong together: give both, or neither");
  const plugins = pluginChoiceProblem({
    enabled: config["enableAdmissionPlugins"] as readonly string[],
    disabled: config["disableAdmissionPlugins"] as readonly string[],
  }); // as their rows parse them
  if (plugins !== undefined) throw new UsageError(plugins);
  // The table holds a row for every key of ServerConfig, which a test checks.
  return config as unknown as ServerConfig;
}

/** One store, said in one way. */
function refuseStoreConflicts({ clusterInit, server, token, datastoreEndpoint }: Readonly<Record<string, unknown>>): void {
  const chosen = [
    ...(clusterInit === true ? ["--cluster-init"] : []),
    ...(server === undefined ? [] : ["--server"]),
    ...(datastoreEndpoint === undefined ? [] : ["--datastore-endpoint"]),
  ];
  if (chosen.length > 1) throw new UsageError(`${chosen.join(" and ")} exclude each other: each says where the cluster's state is; choose one`);
  if (server !== undefined && token === undefined)
    throw new UsageError("--server needs --token: the text of <data-dir>/server/pki/server-token on that server");
}

/** The user said something that cannot be: printed without a stack, exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

function parse(row: OptionRow, text: string, origin: string): unknown {
  if (row.parse === undefined) return text;
  try {
    return row.parse(text);
  } catch (error) {
    throw new UsageError(`${origin} "${text}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new Error("must be a port number from 0 to 65535 (0 picks a free one)");
  return value;
}

function branchSafeName(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw new Error("must consist of lower-case letters, digits and '-', at most 63");
  return text;
}

function namespacedName(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text)) throw new Error("must have the form namespace/name");
  return text;
}

function schedule(text: string): string {
  // To find the next time loads a library of dates, which a server without backups does without.
  if (text !== BACKUP_SCHEDULE && parseCronSchedule(text)(0) === undefined) throw new Error("is never due");
  return text;
}

function revision(text: string): string {
  parseRevision(text);
  return text;
}
