import { createHash } from "node:crypto";
import { PREVIEW_LABEL } from "../manifests/desired-state.ts";
import type { PreviewRules } from "../manifests/preview-rules.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";

/** A namespace is a DNS label, and labels of Applications hold its name beside theirs. */
const NAMESPACE_MAX = 45;
const LABEL_MAX = 63;

/** The ServiceAccount in whose name everything of a preview is applied. */
export const PREVIEW_ACCOUNT = "mainstay-preview";
export const NAME_ANNOTATION = "mainstay.dev/preview-name";
export const REF_ANNOTATION = "mainstay.dev/preview-ref";
export const HEAD_ANNOTATION = "mainstay.dev/preview-head";
/** When the head moved last; it expires from then on. */
export const MOVED_ANNOTATION = "mainstay.dev/preview-moved";

/** The preview of a request or a branch. */
export interface PreviewIdentity {
  /** As plans name it: `pr-12`, `mr-7`, or the branch. */
  readonly name: string;
  readonly ref: string;
  readonly namespace: string;
}

/**
 * The namespace of a request is called after its number, that of a branch after the branch and a digest of it: two branches whose names
 * differ only in what a namespace cannot hold get two namespaces, and no branch gets that of a request.
 */
export function previewNamespace(name: string, ref: string): string {
  if (!ref.startsWith("refs/heads/")) return `preview-${name}`;
  const digest = createHash("sha256").update(ref).digest("hex").slice(0, 8);
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, NAMESPACE_MAX - "preview--".length - digest.length)
    .replace(/^-+|-+$/g, "");
  return `preview-${slug === "" ? "" : `${slug}-`}${digest}`;
}

/** An application in a preview. Applications of the repository have no dot in their names, so these never meet them. */
export function previewApplication(unit: string, namespace: string): string {
  const name = `${unit}.${namespace}`;
  if (name.length <= LABEL_MAX) return name;
  const digest = createHash("sha256").update(unit).digest("hex").slice(0, 8);
  return `${unit.slice(0, LABEL_MAX - namespace.length - digest.length - 2).replace(/-+$/, "")}-${digest}.${namespace}`;
}

/** What stands in a preview's namespace before anything of the repository does: who it may act as, and how much it may take. */
export function previewFrame({ name, ref, namespace }: PreviewIdentity, head: string, movedAt: string, rules: PreviewRules): readonly KubeObject[] {
  const inside = { namespace, labels: { [PREVIEW_LABEL]: namespace } };
  const of = (
    apiVersion: string,
    kind: string,
    fields: Readonly<Record<string, unknown>>,
    metadata: KubeObject["metadata"] = { name: PREVIEW_ACCOUNT, ...inside },
  ): KubeObject => ({ apiVersion, kind, metadata, ...fields });
  return [
    of(
      "v1",
      "Namespace",
      {},
      {
        name: namespace,
        labels: { [PREVIEW_LABEL]: namespace, "pod-security.kubernetes.io/enforce": rules.podSecurity },
        annotations: { [REF_ANNOTATION]: ref, [HEAD_ANNOTATION]: head, [MOVED_ANNOTATION]: movedAt, [NAME_ANNOTATION]: name },
      },
    ),
    of("v1", "ServiceAccount", {}),
    of("rbac.authorization.k8s.io/v1", "RoleBinding", {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: rules.role },
      subjects: [{ kind: "ServiceAccount", name: PREVIEW_ACCOUNT, namespace }],
    }),
    ...(isEmpty(rules.quota) ? [] : [of("v1", "ResourceQuota", { spec: { hard: rules.quota } })]),
    ...(isEmpty(rules.limits) ? [] : [of("v1", "LimitRange", { spec: { limits: [{ type: "Container", default: rules.limits }] } })]),
  ];
}

function isEmpty(quantities: Readonly<Record<string, string>>): boolean {
  return Object.keys(quantities).length === 0;
}
