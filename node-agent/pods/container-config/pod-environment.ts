import { milliValue, parseQuantity } from "../../../engine/apimachinery/quantity.ts";
import { hostAndPort } from "../../../engine/lib/net/ip-address.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { ConfigMap, Container, EnvVar, FileKeySelector, Pod, Secret, Service } from "../../../engine/resources/types.ts";
import { readEnvFile, type EnvFile } from "./env-file.ts";
import { expand, WORDS_LENGTH_MAX } from "./expand.ts";
import { readOptional } from "../optional-object.ts";

/** Where values come from; lookups reject with NotFound for what does not exist. */
export interface EnvironmentSources {
  readonly configMap: (namespace: string, name: string) => Promise<ConfigMap>;
  readonly secret: (namespace: string, name: string) => Promise<Secret>;
  readonly services: () => readonly Service[];
  /** One of each family, the usual one first. */
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
}

/** Something a container needs is missing or wrong: the pod waits with CreateContainerConfigError until it is there. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

/**
 * The environment of a container: Services first, then envFrom, then env, later ones winning and seeing the earlier ones. `volumes` are the
 * pod's, for files of variables. What it refers to more than once is read once. Rejects when it is larger than a program can be given.
 */
export async function computeEnvironment(
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
  volumes: ReadonlyMap<string, string> = new Map(),
): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  const namespace = pod.metadata.namespace ?? "";
  const content = new ReferencedContent(sources, namespace, volumes);
  addServices(values, sources.services(), namespace, pod.spec.enableServiceLinks !== false);
  let length = 0;
  const add = (name: string, value: string): void => {
    length += name.length + value.length;
    if (length > WORDS_LENGTH_MAX) throw new ContainerConfigError(`the environment is longer than ${WORDS_LENGTH_MAX} bytes`);
    values.set(name, value);
  };
  for (const { configMapRef, secretRef, prefix = "" } of container.envFrom ?? []) {
    const data = configMapRef
      ? await content.configMap(configMapRef.name ?? "", configMapRef.optional)
      : secretRef
        ? await content.secret(secretRef.name ?? "", secretRef.optional)
        : undefined;
    for (const [key, value] of data ?? []) add(prefix + key, value);
  }
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom === undefined ? expand(variable.value ?? "", values) : await referenced(variable, pod, container, sources, content);
    if (value !== undefined) add(variable.name, value);
  }
  return values;
}

/** A pod's own field, as fieldRef and the downward API name it. Throws a ContainerConfigError for unknown paths. */
export function podField(pod: Pod, path: string, { podIps, hostIps }: Pick<EnvironmentSources, "podIps" | "hostIps">): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null) return pod.metadata[subscript[1] as "labels" | "annotations"]?.[subscript[2] ?? ""] ?? ""; // the pattern allows no other
  switch (path) {
    case "metadata.name":
      return pod.metadata.name ?? "";
    case "metadata.namespace":
      return pod.metadata.namespace ?? "";
    case "metadata.uid":
      return pod.metadata.uid ?? "";
    case "metadata.labels":
    case "metadata.annotations":
      return Object.entries(pod.metadata[path === "metadata.labels" ? "labels" : "annotations"] ?? {})
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join("\n");
    case "spec.nodeName":
      return pod.spec.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName ?? "";
    case "status.podIP":
      return podIps[0] ?? "";
    case "status.podIPs":
      return podIps.join(",");
    case "status.hostIP":
      return hostIps[0] ?? "";
    case "status.hostIPs":
      return hostIps.join(",");
    default:
      throw new ContainerConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** A container's request or limit in units of the divisor, rounded up; a limit that is not set is the pod's, else what the node can give. */
export function resourceField(
  pod: Pod,
  container: Container,
  resource: string,
  divisor: string | undefined,
  allocatable: Readonly<Record<string, string>>,
): string {
  const [kind = "", name = ""] = resource.split(".", 2);
  const list = kind === "limits" ? container.resources?.limits : container.resources?.requests;
  const value = list?.[name] ?? (kind === "limits" ? (pod.spec.resources?.limits?.[name] ?? allocatable[name]) : undefined) ?? "0";
  const unit = divisor === undefined || divisor === "0" ? "1" : divisor;
  return String(name === "cpu" ? Math.ceil(milliValue(value) / milliValue(unit)) : Math.ceil(parseQuantity(value) / parseQuantity(unit)));
}

/** The container whose amounts are asked for: another one when it is named. */
function resourceOwner({ spec }: Pod, container: Container, name: string | undefined): Container {
  if (!name) return container;
  const named = podContainers(spec).find((candidate) => candidate.name === name);
  if (named === undefined) throw new ContainerConfigError(`container ${name} not found`);
  return named;
}

async function referenced(
  variable: EnvVar,
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
  content: ReferencedContent,
): Promise<string | undefined> {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom ?? {};
  const namespace = pod.metadata.namespace ?? "";
  if (fieldRef) return podField(pod, fieldRef.fieldPath, sources);
  if (resourceFieldRef)
    return resourceField(
      pod,
      resourceOwner(pod, container, resourceFieldRef.containerName),
      resourceFieldRef.resource,
      resourceFieldRef.divisor,
      sources.allocatable,
    );
  if (fileKeyRef) return fromFile(fileKeyRef, content);
  const reference = configMapKeyRef ?? secretKeyRef;
  if (reference === undefined) return undefined;
  const kind = configMapKeyRef ? "ConfigMap" : "Secret";
  const data = configMapKeyRef
    ? await content.configMap(reference.name ?? "", reference.optional)
    : await content.secret(reference.name ?? "", reference.optional);
  const value = data?.get(reference.key);
  if (value === undefined && reference.optional !== true)
    throw new ContainerConfigError(`couldn't find key ${reference.key} in ${kind} ${namespace}/${reference.name}`);
  return value;
}

function fromFile({ volumeName, path, key, optional }: FileKeySelector, content: ReferencedContent): string | undefined {
  let value: string | undefined;
  try {
    value = content.file(volumeName, path)?.valueOf(key);
  } catch (error) {
    if (error instanceof ContainerConfigError) throw error;
    throw new ContainerConfigError(`couldn't parse env file ${path}: ${describeError(error)}`, { cause: error });
  }
  if (value === undefined && optional !== true)
    throw new ContainerConfigError(`environment variable key ${JSON.stringify(key)} not found in file ${JSON.stringify(path)}`);
  return value;
}

type Data = ReadonlyMap<string, string>;

/** What one container's environment refers to, each object and file read once. */
class ReferencedContent {
  readonly #sources: EnvironmentSources;
  readonly #namespace: string;
  readonly #volumes: ReadonlyMap<string, string>;
  readonly #configMaps = new Map<string, Data>();
  readonly #secrets = new Map<string, Data>();
  readonly #files = new Map<string, EnvFile | undefined>();

  constructor(sources: EnvironmentSources, namespace: string, volumes: ReadonlyMap<string, string>) {
    this.#sources = sources;
    this.#namespace = namespace;
    this.#volumes = volumes;
  }

  configMap(name: string, optional: boolean | undefined): Promise<Data | undefined> {
    return this.#read(
      this.#configMaps,
      name,
      optional,
      "configmap",
      async () => new Map(Object.entries((await this.#sources.configMap(this.#namespace, name)).data ?? {})),
    );
  }

  secret(name: string, optional: boolean | undefined): Promise<Data | undefined> {
    return this.#read(this.#secrets, name, optional, "secret", async () => {
      const { data = {} } = await this.#sources.secret(this.#namespace, name);
      return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]));
    });
  }

  /** Undefined where there is no such file. */
  file(volumeName: string, path: string): EnvFile | undefined {
    const root = this.#volumes.get(volumeName);
    if (root === undefined) throw new ContainerConfigError(`cannot find the volume ${JSON.stringify(volumeName)} referenced by FileKeyRef`);
    const place = JSON.stringify([root, path]);
    if (!this.#files.has(place)) this.#files.set(place, readEnvFile(root, path));
    return this.#files.get(place);
  }

  async #read(known: Map<string, Data>, name: string, optional: boolean | undefined, kind: string, read: () => Promise<Data>): Promise<Data | undefined> {
    const data = known.get(name) ?? (await readOptional(read, optional, () => new ContainerConfigError(`${kind} "${name}" not found`)));
    if (data !== undefined) known.set(name, data);
    return data;
  }
}

/** `WEB_SERVICE_HOST` and its kin, for Services of the pod's namespace and the API's own. */
function addServices(values: Map<string, string>, services: readonly Service[], namespace: string, withOwn: boolean): void {
  for (const service of services) {
    const { name = "", namespace: of } = service.metadata;
    const isApi = of === "default" && name === "kubernetes";
    const ip = service.spec?.clusterIP;
    if (!ip || ip === "None" || !(isApi || (withOwn && of === namespace))) continue;
    const prefix = name.toUpperCase().replaceAll("-", "_");
    const ports = service.spec?.ports ?? [];
    const first = ports[0];
    if (first === undefined) continue;
    values.set(`${prefix}_SERVICE_HOST`, ip).set(`${prefix}_SERVICE_PORT`, String(first.port));
    values.set(`${prefix}_PORT`, `${(first.protocol ?? "TCP").toLowerCase()}://${hostAndPort(ip, first.port)}`);
    for (const port of ports) {
      const protocol = port.protocol ?? "TCP";
      const at = `${prefix}_PORT_${port.port}_${protocol}`;
      if (port.name) values.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll("-", "_")}`, String(port.port));
      values
        .set(at, `${protocol.toLowerCase()}://${hostAndPort(ip, port.port)}`)
        .set(`${at}_PROTO`, protocol.toLowerCase())
        .set(`${at}_PORT`, String(port.port))
        .set(`${at}_ADDR`, ip);
    }
  }
}
