import type { Container, PodSpec, PodTemplateSpec, Volume } from "./types.ts";

const HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOST = `(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const STEP = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
/** An image's name, as the distribution specification has it: only a host may have capitals. */
const IMAGE = new RegExp(`^(?:${HOST}/)?${STEP}(?:/${STEP})*(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>${DIGEST}))?$`);

/** Defaults of a pod's spec that depend on other fields; shared by pods and everything with a pod template. */
export function withPodSpecDefaults(spec: PodSpec): PodSpec {
  return {
    ...withOneAccount(spec),
    ...containersBy(spec, withPullPolicy),
    ...(spec.ephemeralContainers === undefined ? {} : { ephemeralContainers: spec.ephemeralContainers.map(withPullPolicy) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(withVolumeDefault) }),
  };
}

/** The older name of the field says what the newer one says; earlier versions stored pods and templates where it said what had been there before. */
export function withOneAccount(spec: PodSpec): PodSpec {
  const account = spec.serviceAccountName || spec.serviceAccount;
  return account ? { ...spec, serviceAccount: account, serviceAccountName: account } : spec;
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
        ...(isHostNetwork && container.ports !== undefined
          ? { ports: container.ports.map((port) => ({ ...port, hostPort: port.hostPort || port.containerPort })) }
          : {}),
      };
    }),
  };
}

function withPullPolicy<T extends Pick<Container, "image" | "imagePullPolicy">>(container: T): T {
  return { ...container, imagePullPolicy: container.imagePullPolicy ?? pullPolicyOf(container.image) };
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

/** Without tag and digest, an image's tag is `latest`. What is no image's name, such as `ko://example.com/web`, has no tag at all. */
function isLatest(image: string): boolean {
  const parts = IMAGE.exec(image)?.groups;
  return parts !== undefined && (parts["tag"] === undefined ? parts["digest"] === undefined : parts["tag"] === "latest");
}

/** The defaults of the pods that a Deployment or ReplicaSet makes. */
export function withTemplateDefaults(template: PodTemplateSpec): PodTemplateSpec {
  return template.spec === undefined ? template : { ...template, spec: withPodSpecDefaults(template.spec) };
}
