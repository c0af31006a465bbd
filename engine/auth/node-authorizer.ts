import type { KubeObject } from "../apimachinery/object-meta.ts";
import { parseLabelRequirements } from "../apimachinery/label-selector-parser.ts";
import { MIRROR_ANNOTATION } from "../apimachinery/known-labels.ts";
import { demandedFieldValue } from "../apimachinery/selectors.ts";
import { deviceClaimNames } from "../resources/device/pod-device-claims.ts";
import { claimNames, references, type ReferencedResource } from "../resources/pod-references.ts";
import { LOCAL_PATH_NODE_LABEL } from "../resources/storage/local-path.ts";
import type { Pod } from "../resources/types.ts";
import { NO_OPINION, type AuthorizationAttributes, type AuthorizationMode, type Decision } from "./authorize.ts";
import { componentRoles } from "./default-roles/component-roles.ts";
import { nodeNameOf } from "../apimachinery/known-users.ts";
import { ruleAllows } from "./policy-rules.ts";

/** What the server's cache knows of what a node is connected with. */
export interface NodeObjects {
  /** Pods that are bound to the node, in all namespaces. */
  podsOn(nodeName: string): Promise<readonly Pod[]>;
  pod(namespace: string, name: string): Promise<Pod | undefined>;
  /** An object of a kind that may not be served: claims, volumes, attachments. */
  find(group: string, resource: string, namespace: string, name: string): Promise<KubeObject | undefined>;
}

type ResourceAttributes = Extract<AuthorizationAttributes, { readonly is: "resource" }>;

const ALLOW: Decision = { is: "allow", reason: "" };
const no = (reason: string): Decision => ({ is: "none", reason });

/** What every node may do, whichever pods it runs; what depends on those is decided below. */
const nodeRules = componentRoles.find(({ metadata }) => metadata.name === "system:node")?.rules ?? [];

/**
 * Decides about nodes: each sees itself, its pods, and of Secrets, ConfigMaps, claims, volumes and tokens those that its pods name.
 * What it may write is bounded further by the NodeRestriction admission plugin.
 */
export function nodeMode(objects: NodeObjects): AuthorizationMode {
  // A pod that the node itself has made gives it nothing.
  const real: NodeObjects = {
    ...objects,
    podsOn: async (nodeName) => (await objects.podsOn(nodeName)).filter(({ metadata }) => metadata.annotations?.[MIRROR_ANNOTATION] === undefined),
  };
  return {
    type: "Node",
    decide(attributes) {
      const nodeName = nodeNameOf(attributes.user);
      if (nodeName === undefined) return NO_OPINION;
      if (nodeName === "") return no(`unknown node for user ${JSON.stringify(attributes.user.username)}`);
      if (attributes.is === "resource") {
        const decision = decideResource(real, nodeName, attributes);
        if (decision !== undefined) return decision;
      }
      return nodeRules.some((rule) => ruleAllows(rule, attributes)) ? ALLOW : NO_OPINION;
    },
    rulesFor: (user) =>
      nodeNameOf(user) === undefined
        ? { rules: [], incomplete: false, errors: [] }
        : { rules: [], incomplete: true, errors: ["node authorizer does not support user rule resolution"] },
  };
}

/** Undefined for resources that all nodes may use alike. */
function decideResource(objects: NodeObjects, nodeName: string, attributes: ResourceAttributes): Promise<Decision> | Decision | undefined {
  const { group, resource, subresource = "", verb } = attributes;
  const related = (isRelated: (namespace: string, name: string) => Promise<boolean>) => relation(attributes, nodeName, isRelated);
  switch (`${group}/${resource}`) {
    case "/secrets":
    case "/configmaps":
      if (!["get", "list", "watch"].includes(verb)) return no("can only read resources of this type");
      if (subresource !== "") return no("cannot read subresource");
      if (attributes.namespace === "") return no("can only read namespaced object of this type");
      return related((namespace, name) => usesObject(objects, nodeName, resource as ReferencedResource, namespace, name)); // one of the two cases
    case "/serviceaccounts":
      if (subresource === "" && verb === "get") return related((namespace, name) => usesObject(objects, nodeName, "serviceaccounts", namespace, name));
      if (verb !== "create" || attributes.name === "") return no("can only create tokens for individual service accounts");
      if (subresource !== "token") return no("can only create token subresource of serviceaccount");
      return related((namespace, name) => usesObject(objects, nodeName, "serviceaccounts", namespace, name));
    case "/persistentvolumeclaims":
      if (subresource === "status" ? !["update", "patch"].includes(verb) : verb !== "get")
        return no(subresource === "status" ? "can only get/update/patch this type" : "can only get individual resources of this type");
      return related((namespace, name) => usesClaim(objects, nodeName, namespace, name));
    case "/persistentvolumes":
      return decideVolume(objects, attributes, nodeName);
    case "storage.k8s.io/volumeattachments":
      if (verb !== "get" || subresource !== "") return no("can only get individual resources of this type");
      return related(async (_namespace, name) => specOf<{ readonly nodeName?: string }>(await objects.find(group, resource, "", name))?.nodeName === nodeName);
    case "resource.k8s.io/resourceclaims":
      if (verb !== "get" || subresource !== "") return no("can only get individual resources of this type");
      return related(async (namespace, name) =>
        (await objects.podsOn(nodeName)).some((pod) => pod.metadata.namespace === namespace && deviceClaimNames(pod).includes(name)),
      );
    case "resource.k8s.io/resourceslices":
      return decideSlice(objects, attributes, nodeName);
    case "coordination.k8s.io/leases":
      return decideOwn(attributes, nodeName, "lease");
    case "storage.k8s.io/csinodes":
      return decideOwn(attributes, nodeName, "CSINode");
    case "/nodes":
      return decideNode(attributes, nodeName);
    case "/pods":
      return decidePod(objects, attributes, nodeName);
    default:
      return undefined;
  }
}

async function relation(attributes: ResourceAttributes, nodeName: string, isRelated: (namespace: string, name: string) => Promise<boolean>): Promise<Decision> {
  // A list or watch of one object names it by field selector.
  const name = attributes.name || (demandedFieldValue(attributes.fieldSelector, "metadata.name") ?? "");
  if (name === "") return no("No Object name found");
  return (await isRelated(attributes.namespace, name)) ? ALLOW : no(`no relationship found between node '${nodeName}' and this object`);
}

/** Objects of which each node has one, under its own name. At a create the name is not known yet; NodeRestriction sees it. */
function decideOwn({ verb, namespace, name, subresource }: ResourceAttributes, nodeName: string, kind: "lease" | "CSINode"): Decision {
  const isLease = kind === "lease";
  if (!["get", "create", "update", "patch", "delete"].includes(verb))
    return no(`can only get, create, update, patch, or delete a ${isLease ? "node lease" : "CSINode"}`);
  if (isLease && namespace !== "kube-node-lease") return no('can only access leases in the "kube-node-lease" system namespace');
  if (!isLease && subresource !== undefined) return no("cannot authorize CSINode subresources");
  if (verb !== "create" && name !== nodeName) return no(`can only access ${isLease ? "node lease" : "CSINode"} with the same name as the requesting node`);
  return ALLOW;
}

function decideNode({ verb, name, subresource, fieldSelector }: ResourceAttributes, nodeName: string): Decision | undefined {
  if (subresource === undefined && ["get", "list", "watch"].includes(verb)) {
    const asked = name || demandedFieldValue(fieldSelector, "metadata.name");
    return asked === nodeName
      ? ALLOW
      : no(`node '${nodeName}' cannot read ${asked === undefined || asked === "" ? "all nodes" : `'${asked}'`}, only its own Node object`);
  }
  return undefined;
}

/** What drivers offer through the agent is the node's own. What is created, NodeRestriction sees. */
function decideSlice(objects: NodeObjects, attributes: ResourceAttributes, nodeName: string): Promise<Decision> | Decision {
  const { group, resource, verb, subresource, fieldSelector } = attributes;
  if (subresource !== undefined) return no("cannot authorize ResourceSlice subresources");
  switch (verb) {
    case "create":
      return ALLOW;
    case "get":
    case "update":
    case "patch":
    case "delete":
      return relation(
        attributes,
        nodeName,
        async (_namespace, name) => specOf<{ readonly nodeName?: string }>(await objects.find(group, resource, "", name))?.nodeName === nodeName,
      );
    case "list":
    case "watch":
    case "deletecollection":
      return demandedFieldValue(fieldSelector, "spec.nodeName") === nodeName
        ? ALLOW
        : no("can only list/watch/deletecollection resourceslices with nodeName field selector");
    default:
      return no("only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection");
  }
}

async function decidePod(objects: NodeObjects, attributes: ResourceAttributes, nodeName: string): Promise<Decision> {
  const { verb, subresource, namespace, name, fieldSelector } = attributes;
  if (subresource === undefined) {
    if (verb === "get") {
      const pod = await objects.pod(namespace, name);
      // An agent must be able to learn that a pod is gone.
      return pod === undefined || pod.spec.nodeName === nodeName ? ALLOW : no(`no relationship found between node '${nodeName}' and this object`);
    }
    if (verb === "list" || verb === "watch") {
      if (demandedFieldValue(fieldSelector, "spec.nodeName") === nodeName) return ALLOW;
      return name === ""
        ? no("can only list/watch pods with spec.nodeName field selector")
        : relation(attributes, nodeName, async () => (await objects.pod(namespace, name))?.spec.nodeName === nodeName);
    }
  }
  // Whether the pod is its own, NodeRestriction checks, which sees it.
  return nodeRules.some((rule) => ruleAllows(rule, attributes)) ? ALLOW : NO_OPINION;
}

/** Volumes of its pods, and those that are folders of the node itself: their list, and their finalizer, which NodeRestriction sees to. */
async function decideVolume(objects: NodeObjects, attributes: ResourceAttributes, nodeName: string): Promise<Decision> {
  const { verb, subresource, name, labelSelector } = attributes;
  if ((verb === "list" || verb === "watch") && demandsLabel(labelSelector, LOCAL_PATH_NODE_LABEL, nodeName)) return ALLOW;
  if (!["get", "update", "patch"].includes(verb) || subresource !== undefined) return no("can only get individual resources of this type");
  const isOwn = async () => name !== "" && (await objects.find("", "persistentvolumes", "", name))?.metadata.labels?.[LOCAL_PATH_NODE_LABEL] === nodeName;
  if (await isOwn()) return ALLOW;
  return verb === "get"
    ? relation(attributes, nodeName, (_namespace, volume) => usesVolume(objects, nodeName, volume))
    : no("can only get individual resources of this type");
}

async function usesObject(objects: NodeObjects, nodeName: string, resource: ReferencedResource, namespace: string, name: string): Promise<boolean> {
  const pods = await objects.podsOn(nodeName);
  if (pods.some((pod) => pod.metadata.namespace === namespace && references(pod.spec, resource, name))) return true;
  if (resource !== "secrets") return false;
  for (const volume of await volumesOf(objects, pods))
    if (volumeSecrets(volume).some((secret) => secret.name === name && (secret.namespace ?? volume.spec?.claimRef?.namespace) === namespace)) return true;
  return false;
}

async function usesClaim(objects: NodeObjects, nodeName: string, namespace: string, name: string): Promise<boolean> {
  return (await objects.podsOn(nodeName)).some((pod) => pod.metadata.namespace === namespace && claimNames(pod.metadata.name ?? "", pod.spec).includes(name));
}

async function usesVolume(objects: NodeObjects, nodeName: string, name: string): Promise<boolean> {
  return (await volumesOf(objects, await objects.podsOn(nodeName))).some((volume) => volume.metadata.name === name);
}

interface SecretReference {
  readonly name?: string;
  readonly namespace?: string;
}

/** As much of a PersistentVolume as matters here. */
type VolumeObject = KubeObject & {
  readonly spec?: { readonly claimRef?: { readonly namespace?: string; readonly name?: string } } & Readonly<Record<string, unknown>>;
};

/** The volumes that are bound to the claims of these pods. */
async function volumesOf(objects: NodeObjects, pods: readonly Pod[]): Promise<readonly VolumeObject[]> {
  const volumes: VolumeObject[] = [];
  for (const { metadata, spec } of pods) {
    for (const claimName of claimNames(metadata.name ?? "", spec)) {
      const claim = specOf<{ readonly volumeName?: string }>(await objects.find("", "persistentvolumeclaims", metadata.namespace ?? "", claimName));
      const volume = claim?.volumeName ? await objects.find("", "persistentvolumes", "", claim.volumeName) : undefined;
      // Anybody may write the name of a volume into his claim; that the volume is for the claim, only its binder says.
      const claimRef = (volume as VolumeObject | undefined)?.spec?.claimRef; // found as one
      if (volume !== undefined && claimRef?.namespace === metadata.namespace && claimRef?.name === claimName) volumes.push(volume as VolumeObject); // likewise
    }
  }
  return volumes;
}

/**
 * Every reference to a Secret in the volume's source that a node needs, whatever its driver: what the driver's controller logs in with is
 * none of its business.
 */
function volumeSecrets({ spec = {} }: VolumeObject): readonly SecretReference[] {
  const sources = Object.values(spec).filter((value): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null);
  return sources.flatMap((source) => [
    ...Object.entries(source)
      .filter(([field]) => /secretRef$/i.test(field) && !field.startsWith("controller"))
      .map(([, value]) => value as SecretReference), // fields of that name hold nothing else
    ...(typeof source["secretName"] === "string"
      ? [{ name: source["secretName"], ...(typeof source["secretNamespace"] === "string" ? { namespace: source["secretNamespace"] } : {}) }]
      : []),
  ]);
}

function specOf<S>(object: KubeObject | undefined): S | undefined {
  return (object as { readonly spec?: S } | undefined)?.spec; // found under the kind that the caller names
}

/** Whether a label selector, which can be read, demands this very value of a label. */
function demandsLabel(selector: string | undefined, key: string, value: string): boolean {
  try {
    return parseLabelRequirements(selector ?? "").some(
      (requirement) => requirement.key === key && requirement.operator === "In" && requirement.values.length === 1 && requirement.values[0] === value,
    );
  } catch {
    return false;
  }
}
