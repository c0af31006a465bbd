import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseYamlDocuments } from "../../engine/apimachinery/yaml/yaml.ts";
import { MountPropagation } from "../cri/runtime_pb.ts";
import type { ContainerConfig } from "../cri/runtime.ts";

/** Where drivers describe devices to runtimes; what is said in a later folder counts (https://github.com/cncf-tags/container-device-interface). */
export const CDI_FOLDERS = ["/etc/cdi", "/var/run/cdi"] as const;

interface ContainerEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly { readonly path: string; readonly hostPath?: string; readonly permissions?: string }[];
  readonly mounts?: readonly { readonly hostPath: string; readonly containerPath: string; readonly options?: readonly string[]; readonly type?: string }[];
  readonly additionalGids?: readonly number[];
  readonly hooks?: readonly unknown[];
  readonly netDevices?: readonly unknown[];
  readonly intelRdt?: unknown;
}

interface CdiSpec {
  readonly kind: string;
  readonly devices?: readonly { readonly name: string; readonly containerEdits?: ContainerEdits }[];
  readonly containerEdits?: ContainerEdits;
}

/**
 * A container with what the named devices (vendor/class=name) want of it, for runtimes that do not read their descriptions themselves.
 * Throws for devices that nobody describes, and for hooks and the like, which only a runtime can do.
 */
export function applyCdiDevices(config: ContainerConfig, names: readonly string[], folders: readonly string[] = CDI_FOLDERS): ContainerConfig {
  const specs = readSpecs(folders);
  const used = new Set<CdiSpec>();
  const edits = names.flatMap((name) => {
    const [kind = "", device] = name.split("=");
    const spec = specs.findLast((candidate) => candidate.kind === kind && candidate.devices?.some((known) => known.name === device) === true);
    if (spec === undefined) throw new Error(`unresolvable CDI devices ${name}`);
    const own = spec.devices?.find((known) => known.name === device)?.containerEdits ?? {};
    const shared = used.has(spec) ? [] : [spec.containerEdits ?? {}];
    used.add(spec);
    return [...shared, own];
  });
  return edits.reduce(applyEdits, config);
}

function applyEdits(
  config: ContainerConfig,
  { env = [], deviceNodes = [], mounts = [], additionalGids = [], hooks = [], netDevices = [], intelRdt }: ContainerEdits,
): ContainerConfig {
  if (hooks.length > 0 || netDevices.length > 0 || intelRdt !== undefined)
    throw new Error("a CDI device wants hooks, network devices or cache settings, for which containerd 1.7 or newer is needed");
  const envs = env.map((entry) => {
    const at = entry.indexOf("=");
    return { key: at < 0 ? entry : entry.slice(0, at), value: at < 0 ? "" : entry.slice(at + 1) };
  });
  const { linux } = config;
  const groups = additionalGids.filter((gid) => gid !== 0).map(BigInt);
  return {
    ...config,
    envs: [...(config.envs ?? []).filter(({ key }) => !envs.some((other) => other.key === key)), ...envs],
    devices: [
      ...(config.devices ?? []),
      ...deviceNodes.map((node) => ({ containerPath: node.path, hostPath: node.hostPath || node.path, permissions: node.permissions || "rwm" })),
    ],
    mounts: [
      ...(config.mounts ?? []),
      ...mounts.map(({ hostPath, containerPath, options = [] }) => ({
        hostPath,
        containerPath,
        readonly: options.includes("ro"),
        propagation: options.includes("rshared")
          ? MountPropagation.PROPAGATION_BIDIRECTIONAL
          : options.includes("rslave")
            ? MountPropagation.PROPAGATION_HOST_TO_CONTAINER
            : MountPropagation.PROPAGATION_PRIVATE,
      })),
    ],
    ...(groups.length === 0
      ? {}
      : {
          linux: {
            ...linux,
            securityContext: { ...linux?.securityContext, supplementalGroups: [...(linux?.securityContext?.supplementalGroups ?? []), ...groups] },
          },
        }),
  } as ContainerConfig; // the same message with longer lists
}

/** Descriptions that cannot be read are somebody else's trouble, unless a device of theirs is asked for. */
function readSpecs(folders: readonly string[]): readonly CdiSpec[] {
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /\.(json|yaml)$/.test(name))
        .sort()
        .flatMap((name): CdiSpec[] => {
          try {
            const [document] = parseYamlDocuments(readFileSync(path.join(folder, name), "utf8"));
            const spec = document?.value as CdiSpec | undefined; // read field by field below
            return typeof spec?.kind === "string" ? [spec] : [];
          } catch {
            return [];
          }
        }),
    );
}
