import type { Container, PodSpec, PodTemplateSpec, Volume } from "./types.ts";

/** Defaults of a pod's spec that depend on other fields; shared by pods and everything with a pod template. */
export function withPodSpecDefaults(spec: PodSpec): PodSpec {
  return {
    ...spec,
    ...(spec.serviceAccountName && !spec.serviceAccount ? { serviceAccount: spec.serviceAccountName } : {}),
    ...(spec.serviceAccount && !spec.serviceAccountName ? { serviceAccountName: spec.serviceAccount } : {}),
    ...containersBy(spec, (container) => ({ ...container, imagePullPolicy: container.imagePullPolicy ?? pullPolicyOf(container.image) })),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(withVolumeDefault) }),
  };
}

/** What a pod has beyond its template: a limit without a request means a request of the same amount, and on the node's network a port is the node's. */
export function withContainersOfPod(spec: PodSpec): PodSpec {
  const isHostNetwork = spec.hostNetwork === true;
  return {
    ...spec,
    ...containersBy(spec, (container) => {
      const limits = container.resources?.limits;
      return {
        ...container,
        ...(limits === undefined ? {} : { resources: { ...container.resources, requests: { ...limits, ...container.resources?.requests } } }),
        ...(isHostNetwork && container.ports !== undefined ? { ports: container.ports.map((port) => ({ ...port, hostPort: port.hostPort || port.containerPort })) } : {}),
      };
    }),
  };
}

function containersBy({ containers, initContainers }: PodSpec, change: (container: Container) => Container): Pick<PodSpec, "containers" | "initContainers"> {
  return { containers: containers.map(change), ...(initContainers === undefined ? {} : { initContainers: initContainers.map(change) }) };
}

/** A volume without a source is an emptyDir; an image is pulled as a container's is. */
function withVolumeDefault(volume: Volume): Volume {
  if (volume.image !== undefined) return { ...volume, image: { ...volume.image, pullPolicy: volume.image.pullPolicy ?? pullPolicyOf(volume.image.reference) } };
  return Object.keys(volume).length === 1 ? { ...volume, emptyDir: {} } : volume;
}

function pullPolicyOf(image = ""): "Always" | "IfNotPresent" {
  return isLatest(image) ? "Always" : "IfNotPresent";
}

/** Without tag and digest, an image's tag is `latest`. */
function isLatest(image: string): boolean {
  const [name = "", digest] = image.split("@");
  const tag = /:([^:/]+)$/.exec(name)?.[1];
  return tag === undefined ? digest === undefined : tag === "latest";
}

/** The defaults of the pods that a Deployment or ReplicaSet makes. */
export function withTemplateDefaults(template: PodTemplateSpec): PodTemplateSpec {
  return template.spec === undefined ? template : { ...template, spec: withPodSpecDefaults(template.spec) };
}
