import { execFile } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { ConfigMap, KeyToPath, Pod, Secret, Volume, VolumeProjection } from "../../engine/resources/types.ts";
import { podField, resourceField } from "../pods/container-config/pod-environment.ts";
import { currentVersion, writeAtomically, type VolumeFile } from "./atomic-writer.ts";
import { nestedMountPoints } from "./nested-mount-points.ts";
import { MountError, volumeFolder, type VolumeKind, type VolumeSources } from "./volume-plugin.ts";
import { readOptional } from "../pods/optional-object.ts";

const run = promisify(execFile);

const TOKEN_RENEW_SHARE = 0.8;
/** What one volume may hold. It is made of as many objects as a pod names, each up to a megabyte and some named again and again, and lies in memory. */
const CONTENT_BYTES_MAX = 64 * 1024 * 1024;

/** ConfigMaps, Secrets, the downward API, tokens, and mixtures of them: files made from the API, switched all at once. */
export async function mountProjected(pod: Pod, volume: Volume, podDir: string, sources: VolumeSources): Promise<string> {
  const folder = volumeFolder(podDir, kindOf(volume), volume.name);
  const mode = volume.configMap?.defaultMode ?? volume.secret?.defaultMode ?? volume.downwardAPI?.defaultMode ?? volume.projected?.defaultMode ?? 0o644;
  const parts: readonly VolumeProjection[] = volume.projected?.sources ?? [
    {
      ...(volume.configMap === undefined ? {} : { configMap: volume.configMap }),
      ...(volume.secret === undefined
        ? {}
        : {
            secret: {
              ...(volume.secret.secretName === undefined ? {} : { name: volume.secret.secretName }),
              ...(volume.secret.items === undefined ? {} : { items: volume.secret.items }),
              ...(volume.secret.optional === undefined ? {} : { optional: volume.secret.optional }),
            },
          }),
      ...(volume.downwardAPI === undefined ? {} : { downwardAPI: volume.downwardAPI }),
    },
  ];
  const isSecret = parts.some((part) => part.secret !== undefined || part.serviceAccountToken !== undefined);
  // Secrets never touch the disk.
  if (isSecret && !existsSync(folder)) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    await run("mount", ["-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder]);
  }
  const files = new Map<string, VolumeFile>();
  let bytes = 0;
  for (const part of parts) {
    for (const [name, file] of await filesOf(pod, part, mode, folder, sources)) {
      bytes += file.content.length;
      if (bytes > CONTENT_BYTES_MAX) throw new MountError(`its files have more than ${CONTENT_BYTES_MAX} bytes`);
      const place = path.posix.join(name, ".").replace(/\/$/, "");
      if (place === ".") throw new MountError(`${JSON.stringify(name)} is no path of a file`);
      files.set(place, readableByGroup(pod, file));
    }
  }
  // Whoever mounts it cannot make them, for it is read-only. Where there is a file, something is mounted over that; names with two dots are our own.
  const folders = nestedMountPoints(pod, volume.name).filter((place) => !files.has(place) && !place.startsWith(".."));
  writeAtomically(folder, files, pod.spec.securityContext?.fsGroup, folders);
  return folder;
}

function kindOf({ configMap, secret, downwardAPI }: Volume): VolumeKind {
  return configMap !== undefined ? "configmap" : secret !== undefined ? "secret" : downwardAPI !== undefined ? "downward-api" : "projected";
}

/** The group can read what is given to it, however few rights were asked for. */
function readableByGroup(pod: Pod, file: VolumeFile): VolumeFile {
  return pod.spec.securityContext?.fsGroup === undefined ? file : { ...file, mode: file.mode | 0o440 };
}

/** The user that all containers run as, if they say so and agree. */
function commonUser({ spec }: Pod): number | undefined {
  const users = new Set(podContainers(spec).map(({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser));
  return users.size === 1 ? [...users][0] : undefined;
}

async function filesOf(pod: Pod, part: VolumeProjection, mode: number, folder: string, sources: VolumeSources): Promise<Map<string, VolumeFile>> {
  const namespace = pod.metadata.namespace ?? "";
  if (part.configMap !== undefined) {
    const { name = "", items, optional } = part.configMap;
    const map = await readOptional(
      () => sources.configMap(namespace, name),
      optional,
      () => new MountError(`configmap "${name}" not found`),
    );
    return map === undefined ? new Map() : choose(mapContent(map), items, optional, mode, `configmap "${name}"`);
  }
  if (part.secret !== undefined) {
    const { name = "", items, optional } = part.secret;
    const secret = await readOptional(
      () => sources.secret(namespace, name),
      optional,
      () => new MountError(`secret "${name}" not found`),
    );
    return secret === undefined ? new Map() : choose(secretContent(secret), items, optional, mode, `secret "${name}"`);
  }
  if (part.serviceAccountToken !== undefined) {
    const { path: file, audience, expirationSeconds = 3600 } = part.serviceAccountToken;
    const content = Buffer.from(await currentToken(pod, path.join(folder, currentVersion(folder) ?? "", file), audience, expirationSeconds, sources));
    // Whoever is known to need the token gets it alone.
    const user = commonUser(pod);
    const isPrivate = user !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
    return new Map([[file, { content, mode: isPrivate ? 0o600 : mode, ...(user === undefined ? {} : { uid: user }) }]]);
  }
  if (part.downwardAPI === undefined) throw new MountError(`projections of type ${Object.keys(part).join(", ")} are not supported on this node`);
  const files = new Map<string, VolumeFile>();
  for (const item of part.downwardAPI.items ?? []) {
    const container = podContainers(pod.spec).find((candidate) => candidate.name === item.resourceFieldRef?.containerName);
    const text =
      item.fieldRef !== undefined
        ? podField(pod, item.fieldRef.fieldPath, sources)
        : container !== undefined && item.resourceFieldRef !== undefined
          ? resourceField(pod, container, item.resourceFieldRef.resource, item.resourceFieldRef.divisor, sources.allocatable)
          : "";
    files.set(item.path, { content: Buffer.from(text), mode: item.mode ?? mode });
  }
  return files;
}

/** The token in place as long as most of its life is ahead, else a new one. */
async function currentToken(pod: Pod, file: string, audience: string | undefined, seconds: number, sources: VolumeSources): Promise<string> {
  try {
    if (!lstatSync(file).isFile()) throw new Error(`${file} is no file`);
    const token = readFileSync(file, "utf8");
    const { iat, exp } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as { iat: number; exp: number }; // our own API server wrote it
    if (sources.nowMs() / 1000 < iat + (exp - iat) * TOKEN_RENEW_SHARE) return token;
  } catch {
    // None yet, or not readable: a new one is needed either way.
  }
  return (await sources.token(pod, audience, seconds)).token;
}

function mapContent(map: ConfigMap): Map<string, Buffer> {
  return new Map([
    ...Object.entries(map.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(map.binaryData ?? {}).map(([key, text]) => [key, Buffer.from(text, "base64")] as const),
  ]);
}

function secretContent(secret: Secret): Map<string, Buffer> {
  return new Map(Object.entries(secret.data ?? {}).map(([key, text]) => [key, Buffer.from(text, "base64")]));
}

function choose(
  content: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean | undefined,
  mode: number,
  what: string,
): Map<string, VolumeFile> {
  if (items === undefined || items.length === 0) return new Map([...content].map(([key, bytes]) => [key, { content: bytes, mode }]));
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const bytes = content.get(item.key);
    if (bytes !== undefined) files.set(item.path, { content: bytes, mode: item.mode ?? mode });
    else if (optional !== true) throw new MountError(`${what} has no key ${item.key}`);
  }
  return files;
}
