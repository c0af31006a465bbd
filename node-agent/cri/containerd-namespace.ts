import path from "node:path";

/** Where CRI keeps all that is its own in containerd. */
export const CRI_NAMESPACE = "k8s.io";

const CALL_MS = 30_000;

/** For calls of containerd's own interfaces, about what CRI has made. */
export const IN_CRI_NAMESPACE = { metadata: { "containerd-namespace": CRI_NAMESPACE }, timeoutMs: CALL_MS };

/** The folders that a containerd of this root directory gives its shims, one for each sandbox and container, named by its id. */
export function bundlesOf(root: string): string {
  return path.join(root, "state", "io.containerd.runtime.v2.task", CRI_NAMESPACE);
}
