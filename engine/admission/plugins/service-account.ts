import { MIRROR_ANNOTATION } from "../../apimachinery/known-labels.ts";
import { forbidden } from "../../apimachinery/status-error.ts";
import { NEVER } from "../../lib/abort.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { randomSuffix, type Random } from "../../lib/random.ts";
import { serviceAccountResource } from "../../resources/core/service-account.ts";
import { podResource } from "../../resources/core/pod.ts";
import { podContainers } from "../../resources/pod-containers.ts";
import type { Container, Pod, ServiceAccount, Volume } from "../../resources/types.ts";
import { isCreateOf, isKind, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import { findUnlistedDebugSecret, findUnlistedSecret, limitsSecrets } from "./mountable-secrets.ts";

const DEFAULT_ACCOUNT = "default";
const LOOK_MS = 100;
const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
/** The hour upstream asks for, and the seven seconds by which a token from this volume can be told from others. */
const TOKEN_SECONDS = 3607;

/** Every pod runs as a service account that exists, and finds its token mounted unless somebody said otherwise. */
export function serviceAccountPlugin(random: Random, clock: Clock): AdmissionPlugin {
  const accountOf = async (
    { namespace, signal = NEVER }: AdmissionAttributes,
    name: string,
    looks: number,
    reader: AdmissionReader,
  ): Promise<ServiceAccount | undefined> => {
    let account = await reader.get(serviceAccountResource, namespace, name);
    for (let look = 0; account === undefined && look < looks; look++) {
      if (look > 0) await sleep(clock, LOOK_MS, signal);
      account = await reader.get(serviceAccountResource, namespace, name, { fresh: true });
    }
    return account;
  };
  return {
    name: "ServiceAccount",
    async mutate(attributes, reader) {
      if (!isCreateOf(attributes, "", "pods")) return attributes.object;
      const pod = attributes.object as Pod; // isCreateOf
      if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return pod;
      const name = pod.spec.serviceAccountName || DEFAULT_ACCOUNT;
      // A namespace that exists only in a dry run has no accounts yet, but will have this one.
      const isAssumed = name === DEFAULT_ACCOUNT && attributes.assumedNamespaces?.has(attributes.namespace) === true;
      // The default account is on its way in a namespace that has just been made; upstream looks as often.
      const account = await accountOf(attributes, name, name === DEFAULT_ACCOUNT && !isAssumed ? 10 : 1, reader);
      if (account === undefined && !isAssumed) {
        throw forbidden(podResource, attributes.name, `error looking up service account ${attributes.namespace}/${name}: serviceaccount "${name}" not found`);
      }
      return withAccount(pod, name, account, random);
    },
    async validate(attributes, reader) {
      const isDebug = isDebugUpdate(attributes);
      if (!isDebug && !isCreateOf(attributes, "", "pods")) return;
      const pod = attributes.object as Pod; // both are writes of pods
      if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return;
      const account = await accountOf(attributes, pod.spec.serviceAccountName || DEFAULT_ACCOUNT, 1, reader);
      if (account === undefined || !limitsSecrets(account)) return;
      const problem = isDebug ? findUnlistedDebugSecret(pod, account) : findUnlistedSecret(pod, account);
      if (problem !== undefined) throw forbidden(podResource, attributes.name, problem);
    },
  };
}

function isDebugUpdate(attributes: AdmissionAttributes): boolean {
  return attributes.operation === "UPDATE" && attributes.subresource === "ephemeralcontainers" && isKind(attributes, "", "pods");
}

function withAccount(pod: Pod, name: string, account: ServiceAccount | undefined, random: Random): Pod {
  const spec = {
    ...pod.spec,
    serviceAccountName: name,
    serviceAccount: name,
    ...((pod.spec.imagePullSecrets ?? []).length === 0 && account?.imagePullSecrets !== undefined ? { imagePullSecrets: account.imagePullSecrets } : {}),
  };
  const automount = pod.spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true;
  const containers = podContainers(spec);
  if (!automount || containers.every(hasTokenMount)) return { ...pod, spec };
  const existing = (spec.volumes ?? []).find(isTokenVolume);
  const volume = existing?.name ?? `kube-api-access-${randomSuffix(random)}`;
  const mount = (container: Container): Container =>
    hasTokenMount(container)
      ? container
      : { ...container, volumeMounts: [...(container.volumeMounts ?? []), { name: volume, readOnly: true, mountPath: MOUNT_PATH }] };
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(mount),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(mount) }),
      volumes: existing === undefined ? [...(spec.volumes ?? []), tokenVolume(volume)] : (spec.volumes ?? []),
    },
  };
}

function hasTokenMount(container: Container): boolean {
  return (container.volumeMounts ?? []).some((mount) => mount.mountPath === MOUNT_PATH);
}

function isTokenVolume(volume: Volume): boolean {
  return volume.name.startsWith("kube-api-access-") && volume.projected !== undefined;
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
      ],
    },
  };
}
