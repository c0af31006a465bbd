import { KUBERNETES_VERSION } from "../server/version.ts";
import { UsageError } from "./config.ts";
import { flagKey } from "./flag-names.ts";
import { judgeIdle, type IdleSetting } from "./idle-setting.ts";

/** An option of upstream's server that has nothing to change here. It is taken, so that command lines can be, and a line says so at the start. */
export interface IdleOption extends IdleSetting {
  readonly flag: string;
}

const VERSION = `${KUBERNETES_VERSION.major}.${KUBERNETES_VERSION.minor}`;

/** Only what can be left unsaid without harm is here: whatever would protect something, or keep it elsewhere, is done or refused. */
export const idleOptions: readonly IdleOption[] = [
  { flag: "profiling", why: "there are no profiles to be had over HTTP", holds: ["false"] },
  { flag: "contention-profiling", why: "there are no profiles to be had over HTTP", holds: ["false"] },
  { flag: "debug-socket-path", why: "there are no profiles to be had over a socket", holds: [""] },
  { flag: "emulated-version", why: "the API is that of one version", holds: [VERSION, `kube=${VERSION}`, ""], isStrict: true },
  { flag: "min-compatibility-version", why: "the API is that of one version", holds: [""] },
  { flag: "emulation-forward-compatible", why: "the API is that of one version", holds: ["false"] },
  { flag: "runtime-config-emulation-forward-compatible", why: "the API is that of one version", holds: ["false"] },
  { flag: "storage-backend", why: "etcd is spoken to by its third API", holds: ["etcd3", ""], isStrict: true },
  { flag: "storage-media-type", why: "objects are kept as JSON", holds: ["application/json", ""], isStrict: true },
  { flag: "etcd-prefix", why: "the store keeps everything there", holds: ["/registry"], isStrict: true },
  { flag: "etcd-servers-overrides", why: "every kind is in one store, so that a commit is applied whole", holds: [""], isStrict: true },
  { flag: "watch-cache", why: "watches are always served from memory", holds: ["true"] },
  { flag: "watch-cache-sizes", why: "the memory of watches has one bound for every kind" },
  { flag: "default-watch-cache-size", why: "the memory of watches has one bound for every kind" },
  { flag: "enable-garbage-collector", why: "dependents are always collected; see --controllers", holds: ["true"], isStrict: true },
  { flag: "enable-aggregator-routing", why: "servers behind the API are reached at their endpoints", holds: ["true"] },
  { flag: "enable-logs-handler", why: "the API shows no files of its machine", holds: ["false"] },
  { flag: "delete-collection-workers", why: "deletes of a collection go one after the other" },
  { flag: "etcd-count-metric-poll-period", why: "objects are counted when the metrics are read" },
  { flag: "etcd-db-metric-poll-interval", why: "the store is measured when the metrics are read" },
  { flag: "etcd-healthcheck-timeout", why: "health checks wait as long as requests do" },
  { flag: "etcd-readycheck-timeout", why: "health checks wait as long as requests do" },
  { flag: "lease-reuse-duration-seconds", why: "objects in etcd have no leases" },
  { flag: "storage-initialization-timeout", why: "the API is served from when the store answers" },
  { flag: "livez-grace-period", why: "the API is complete moments after its first answer" },
  { flag: "send-retry-after-while-not-ready-once", why: "the API is complete moments after its first answer", holds: ["false"] },
  { flag: "shutdown-send-retry-after", why: "connections are closed at the end, and clients come back", holds: ["false"] },
  { flag: "shutdown-watch-termination-grace-period", why: "watches end with the server, and clients resume them", holds: ["0s", "0"] },
  { flag: "max-connection-bytes-per-sec", why: "connections are not slowed down", holds: ["0"], isStrict: true },
  { flag: "permit-address-sharing", why: "the port is always taken with SO_REUSEADDR", holds: ["true"] },
  { flag: "kubernetes-service-node-port", why: "the Service of the API has no port of nodes", holds: ["0"], isStrict: true },
  { flag: "peer-ca-file", why: "no request is passed on to another server of the control plane" },
  { flag: "peer-advertise-ip", why: "no request is passed on to another server of the control plane" },
  { flag: "peer-advertise-port", why: "no request is passed on to another server of the control plane" },
  { flag: "coordinated-leadership-lease-duration", why: "who leads is settled by those who want to, not by the API" },
  { flag: "coordinated-leadership-renew-deadline", why: "who leads is settled by those who want to, not by the API" },
  { flag: "coordinated-leadership-retry-period", why: "who leads is settled by those who want to, not by the API" },
  { flag: "service-account-extend-token-expiration", why: "tokens live as long as was asked for", holds: ["false"] },
  { flag: "kubelet-certificate-authority", why: "agents show certificates of the cluster's own authority, which are always checked" },
  { flag: "kubelet-client-certificate", why: "agents know the server by a certificate of the cluster's own authority" },
  { flag: "kubelet-client-key", why: "agents know the server by a certificate of the cluster's own authority" },
  { flag: "kubelet-preferred-address-types", why: "agents are reached at their InternalIP" },
  { flag: "kubelet-port", why: "agents say at which port they are reached" },
  { flag: "kubelet-read-only-port", why: "agents have no port without credentials" },
  { flag: "apiserver-count", why: "servers are counted by their Leases" },
  { flag: "kubelet-timeout", why: "agents are waited for as long as the request is" },
  { flag: "show-hidden-metrics-for-version", why: "no metrics are hidden" },
  { flag: "logging-format", why: "the log has one form, see --log-level", holds: ["text", "json"] },
  { flag: "log-text-split-stream", why: "the log has one form and one place, see --log-level", holds: ["false"] },
  { flag: "log-text-info-buffer-size", why: "every line of the log is written at once", holds: ["0"] },
  { flag: "log-flush-frequency", why: "every line of the log is written at once" },
  { flag: "v", why: "how much is logged is said by --log-level" },
  { flag: "vmodule", why: "how much is logged is said by --log-level" },
];

/** What to say at the start about options that were given and mean nothing. Throws a UsageError for those that would ask for what is not done. Pure. */
export function idleNotices(flags: Readonly<Record<string, unknown>>): readonly string[] {
  return idleOptions.flatMap(({ flag, ...setting }) => {
    const given = flags[flagKey(flag)];
    const verdict = given === undefined ? undefined : judgeIdle(setting, `--${flag}`, String(given));
    if (verdict?.is === "refused") throw new UsageError(verdict.text);
    return verdict === undefined ? [] : [verdict.text];
  });
}
