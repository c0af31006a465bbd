/** What the API server and the agents say they are: the Kubernetes release whose API they speak, and our own version behind the plus. */
export const KUBERNETES_MINOR = "36";
export const VERSION = `v1.${KUBERNETES_MINOR}.0+mainstay0.1.0`;
