import { contentOf, KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER, parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { MIRROR_ANNOTATION } from "../../apimachinery/known-labels.ts";
import { nodeNameOf, nodeUsername } from "../../apimachinery/known-users.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, notFound } from "../../apimachinery/status-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import { forbiddenNodeLabels } from "../../resources/core/node-labels.ts";
import { LOCAL_PATH_FINALIZER, LOCAL_PATH_NODE_LABEL } from "../../resources/storage/local-path.ts";
import type { CertificateSigningRequest, Node, PersistentVolume, Pod, ResourceSlice, TokenRequest } from "../../resources/types.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import type { AskRights } from "../expressions/rights-questions.ts";
import { apiReference } from "./pod-references.ts";
import { findTokenAudience } from "./token-audience.ts";

const LEASE_NAMESPACE = "kube-node-lease";

/** An agent writes only what is its own: its Node, its Lease, the status of its pods and of their claims, tokens for them. */
export function nodeRestriction(askRights: AskRights): AdmissionPlugin {
  const judge = async (attributes: AdmissionAttributes, reader: AdmissionReader, validate: Validate): Promise<void> => {
    const nodeName = nodeNameOf(attributes.user) ?? "";
    const refuse: Refuse = (why) => {
      throw forbidden(attributes.definition, attributes.name, why);
    };
    if (nodeName === "") refuse(`could not determine node from user ${JSON.stringify(attributes.user.username)}`);
    await validate({ ...attributes, nodeName, refuse, reader, askRights });
  };
  return {
    name: "NodeRestriction",
    // Upstream judges before anything is validated: for whom a token is to be is filled in later, where the agent does not say it, and a
    // pod that may not be shown is told so before its faults.
    mutate(attributes, reader) {
      const isNewPod = attributes.operation === "CREATE" && attributes.subresource === undefined && isKind(attributes, "", "pods");
      if (nodeNameOf(attributes.user) === undefined || !(isNewPod || isKind(attributes, "", "serviceaccounts"))) return attributes.object;
      return judge(attributes, reader, isNewPod ? validatePod : validateToken).then(() => attributes.object);
    },
    async validate(attributes, reader) {
      if (nodeNameOf(attributes.user) === undefined) return;
      const check = checks.find(({ group, resource }) => isKind(attributes, group, resource));
      await judge(attributes, reader, check?.validate ?? (() => {}));
    },
  };
}

type Refuse = (why: string) => never;

interface Check extends AdmissionAttributes {
  readonly nodeName: string;
  readonly refuse: Refuse;
  readonly reader: AdmissionReader;
  readonly askRights: AskRights;
}

type Validate = (check: Check) => Promise<void> | void;

const checks: readonly { readonly group: string; readonly resource: string; readonly validate: Validate }[] = [
  { group: "", resource: "pods", validate: validatePod },
  { group: "", resource: "nodes", validate: validateNode },
  { group: "", resource: "persistentvolumeclaims", validate: validateClaim },
  { group: "", resource: "persistentvolumes", validate: validateVolume },
  { group: "coordination.k8s.io", resource: "leases", validate: validateLease },
  { group: "storage.k8s.io", resource: "csinodes", validate: validateCsiNode },
  { group: "resource.k8s.io", resource: "resourceslices", validate: validateSlice },
  { group: "certificates.k8s.io", resource: "certificatesigningrequests", validate: validateSigningRequest },
];

function validatePod(check: Check): Promise<void> | void {
  const { subresource, operation, refuse, nodeName } = check;
  switch (subresource) {
    case undefined:
      if (operation === "CREATE") return validateMirrorPod(check);
      if (operation === "DELETE") return requireOwnPod(check, `node ${JSON.stringify(nodeName)} can only delete pods with spec.nodeName set to itself`);
      return refuse(`unexpected operation ${JSON.stringify(operation)}, node ${JSON.stringify(nodeName)} can only create and delete mirror pods`);
    case "status":
      return validatePodStatus(check);
    case "eviction":
      return requireOwnPod(check, `node ${nodeName} can only evict pods with spec.nodeName set to itself`);
    default:
      return refuse(`unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  }
}

/** The pod of a file on the node's disk, shown in the API: it belongs to the node and can reach nothing in the API through it. */
async function validateMirrorPod({ object, nodeName, refuse, reader }: Check): Promise<void> {
  const pod = object as Pod; // isKind, a create
  const node = JSON.stringify(nodeName);
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined)
    refuse(`pod does not have ${JSON.stringify(MIRROR_ANNOTATION)} annotation, node ${node} can only create mirror pods`);
  if (pod.spec.nodeName !== nodeName) refuse(`node ${node} can only create pods with spec.nodeName set to itself`);
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) refuse(`node ${node} can only create pods with a single owner reference set to itself`);
  if (owner === undefined || owner.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== nodeName)
    return refuse(`node ${node} can only create pods with an owner reference set to itself`);
  if (owner.controller !== true) refuse(`node ${node} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true) refuse(`node ${node} must not set blockOwnerDeletion on an owner reference`);
  const known = await reader.get(nodeResource, "", nodeName, { fresh: true });
  if (known === undefined) throw notFound(nodeResource, nodeName);
  if (known.metadata.uid !== owner.uid) refuse(`node ${nodeName} UID mismatch: expected ${owner.uid} got ${known.metadata.uid ?? ""}`);
  const reached = apiReference(pod.spec);
  if (reached !== undefined) refuse(`node ${node} can not create pods that reference ${reached}`);
}

function validatePodStatus({ operation, object, old, nodeName, refuse }: Check): void {
  if (operation !== "UPDATE") refuse(`unexpected operation ${JSON.stringify(operation)}`);
  const [before, after] = [old as Pod, object as Pod]; // isKind, an update
  const node = JSON.stringify(nodeName);
  if (before.spec.nodeName !== nodeName) refuse(`node ${node} can only update pod status for pods with spec.nodeName set to itself`);
  if (!jsonEqual(after.metadata.labels ?? {}, before.metadata.labels ?? {})) refuse(`node ${node} cannot update labels through pod status`);
  if (!jsonEqual(after.status?.resourceClaimStatuses ?? [], before.status?.resourceClaimStatuses ?? []))
    refuse(`node ${node} cannot update resource claim statues`);
  // What devices a pod has is the scheduler's to say: a node may read the claims that its pods name.
  if (!jsonEqual(after.status?.extendedResourceClaimStatus, before.status?.extendedResourceClaimStatus))
    refuse(`node ${node} cannot update extended resource claim status`);
}

/** The pod that is deleted or evicted; of an eviction only the name is known. */
async function requireOwnPod({ old, name, namespace, nodeName, refuse, reader }: Check, why: string): Promise<void> {
  const pod = (old as Pod | undefined) ?? (await reader.get(podResource, namespace, name, { fresh: true })); // isKind
  if (pod === undefined) throw notFound(podResource, name);
  if (pod.spec.nodeName !== nodeName) refuse(why);
}

function validateNode(check: Check): void {
  const { operation, object, old, nodeName, refuse } = check;
  const node = JSON.stringify(nodeName);
  if (nameOf(check) !== nodeName) refuse(`node ${node} is not allowed to modify node ${JSON.stringify(nameOf(check))}`);
  if (operation === "DELETE") refuse(`node ${node} is not allowed to delete nodes`);
  const labels = forbiddenNodeLabels(object?.metadata.labels ?? {}, old?.metadata.labels ?? {});
  if (operation === "CREATE") {
    if ((object as Node).spec?.configSource !== undefined) refuse(`node ${node} is not allowed to create pods with a non-nil configSource`);
    if (labels.length > 0) refuse(`node ${node} is not allowed to set the following labels: ${labels.join(", ")}`);
    return;
  }
  const [before, after] = [(old as Node).spec ?? {}, (object as Node).spec ?? {}]; // isKind, an update
  if (after.configSource !== undefined && !jsonEqual(after.configSource, before.configSource))
    refuse(`node ${node} is not allowed to update configSource to a new non-nil configSource`);
  // Its own taints and labels decide which pods come to a node.
  if (!jsonEqual(after.taints ?? [], before.taints ?? [])) refuse(`node ${node} is not allowed to modify taints`);
  // With an owner that is not there it would be collected, and could come back with other taints and labels.
  if (!jsonEqual(object?.metadata.ownerReferences ?? [], old?.metadata.ownerReferences ?? [])) refuse(`node ${node} is not allowed to modify ownerReferences`);
  if (labels.length > 0) refuse(`is not allowed to modify labels: ${labels.join(", ")}`);
}

type ClaimLike = KubeObject & { readonly status?: Readonly<Record<string, unknown>> };

/** What a claim has grown to, a node may say; nothing else about it. */
function validateClaim({ operation, subresource, object, old, nodeName, refuse }: Check): void {
  if (subresource !== "status") refuse("may only update PVC status");
  if (operation !== "UPDATE") refuse(`unexpected operation ${JSON.stringify(operation)}`);
  const rest = (claim: KubeObject | undefined) => {
    const { status = {}, metadata = {}, ...others } = (claim ?? {}) as Partial<ClaimLike>; // isKind
    const { capacity: _capacity, conditions: _conditions, allocatedResources: _resources, allocatedResourceStatuses: _statuses, ...kept } = status;
    const { resourceVersion: _version, managedFields: _fields, ...about } = metadata;
    return { ...others, metadata: about, status: kept };
  };
  if (!jsonEqual(rest(object), rest(old)))
    refuse(`node ${JSON.stringify(nodeName)} is not allowed to update fields other than status.capacity and status.conditions`);
}

/** A token for a pod that runs here, as the account that the pod runs as. */
async function validateToken(check: Check): Promise<void> {
  const { operation, subresource, object, name, namespace, reader, nodeName, refuse } = check;
  if (operation !== "CREATE" || subresource !== "token") return;
  const bound = (object as TokenRequest).spec?.boundObjectRef; // the body of serviceaccounts/token
  if (bound === undefined || bound.apiVersion !== "v1" || bound.kind !== "Pod" || !bound.name) return refuse("node requested token not bound to a pod");
  if (!bound.uid) refuse("node requested token with a pod binding without a uid");
  const pod = await reader.get(podResource, namespace, bound.name, { fresh: true });
  if (pod === undefined) throw notFound(podResource, bound.name);
  if (pod.metadata.uid !== bound.uid)
    refuse(
      `the UID in the bound object reference (${bound.uid ?? ""}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec.nodeName !== nodeName) refuse("node requested token bound to a pod scheduled on a different node");
  if ((pod.spec.serviceAccountName || "default") !== name) refuse("node requested token for a service account that its pod does not use");
  await checkAudience(check, pod, (object as TokenRequest).spec?.audiences ?? []); // the body of serviceaccounts/token
}

/** A node that is taken over must not get tokens for others than those to whom its pods show them. */
async function checkAudience({ user, name, namespace, reader, askRights, refuse }: Check, pod: Pod, audiences: readonly string[]): Promise<void> {
  if (audiences.length > 1) refuse("node may only request 0 or 1 audiences");
  const [audience = ""] = audiences;
  const found = await findTokenAudience(pod, audience, reader);
  if (found.is === "found") return;
  if (found.is === "error") return refuse(`error validating audience ${JSON.stringify(audience)}: ${found.problem}`);
  const { isAllowed } = await askRights(user, { verb: "request-serviceaccounts-token-audience", resource: audience, namespace, name });
  if (!isAllowed)
    refuse(`audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.username} is not authorized to request tokens for this audience`);
}

function validateLease(check: Check): void {
  if (check.namespace !== LEASE_NAMESPACE) check.refuse(`can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`);
  if (nameOf(check) !== check.nodeName) check.refuse("can only access node lease with the same name as the requesting node");
}

function validateCsiNode(check: Check): void {
  if (nameOf(check) !== check.nodeName) check.refuse("can only access CSINode with the same name as the requesting node");
}

/** Changes were authorized by what the slice was; new ones and each of a collection are seen here alone. */
function validateSlice({ operation, object, old, nodeName, refuse }: Check): void {
  const slice = (operation === "CREATE" ? object : operation === "DELETE" ? old : undefined) as ResourceSlice | undefined; // isKind
  if (slice !== undefined && slice.spec.nodeName !== nodeName)
    refuse(`can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`);
}

/** A node asks for certificates in its own name. */
function validateSigningRequest({ operation, object, nodeName, refuse }: Check): void {
  if (operation !== "CREATE") return;
  const { signerName, request } = (object as CertificateSigningRequest).spec; // isKind, a create
  if (signerName !== KUBELET_SERVING_SIGNER && signerName !== KUBELET_CLIENT_SIGNER) return;
  const name = commonNameOf(request, (problem) => refuse(`unable to parse csr: ${problem}`));
  if (name !== nodeUsername(nodeName)) refuse(`can only create a node CSR with CN=${nodeUsername(nodeName)}`);
}

function commonNameOf(request: string, fail: (problem: string) => never): string {
  try {
    return contentOf(parseCertificateRequest(Buffer.from(request, "base64").toString("latin1"))).commonName;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** Of a volume that is a folder of its own, an agent may say that the folder is gone, and nothing else. */
function validateVolume({ operation, subresource, object, old, nodeName, refuse }: Check): void {
  const [before, after] = [old as PersistentVolume | undefined, object as PersistentVolume | undefined]; // isKind
  if (operation !== "UPDATE" || subresource !== undefined || before === undefined || after === undefined)
    return refuse(`unexpected operation ${JSON.stringify(operation)}`);
  const wanted = (before.metadata.finalizers ?? []).filter((finalizer) => finalizer !== LOCAL_PATH_FINALIZER);
  const facts = ({ metadata, spec, status }: PersistentVolume) => [
    metadata.labels ?? {},
    metadata.annotations ?? {},
    metadata.ownerReferences ?? [],
    spec,
    status,
  ];
  const isReport =
    before.metadata.labels?.[LOCAL_PATH_NODE_LABEL] === nodeName &&
    before.metadata.deletionTimestamp !== undefined &&
    jsonEqual(after.metadata.finalizers ?? [], wanted) &&
    jsonEqual(facts(after), facts(before));
  if (!isReport)
    refuse(`node ${JSON.stringify(nodeName)} can only remove the finalizer ${LOCAL_PATH_FINALIZER} from volumes of its own that are being deleted`);
}

/** At a create the address has no name yet, but the object has. */
function nameOf({ name, object }: AdmissionAttributes): string {
  return name !== "" ? name : (object?.metadata.name ?? "");
}
