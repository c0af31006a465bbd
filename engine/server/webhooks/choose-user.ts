import type { KubeconfigUser, KubeconfigUsers } from "../../client/kubeconfig.ts";

export const HTTPS_PORT = 443;

/**
 * As whom a webhook is called, as upstream reads a kubeconfig for it: users are named after webhooks (`hook.shop.svc:8443`, `*.shop.svc:8443`, both
 * without a port for 443), `*` is for all others, and the current context's is for who is left. Pure.
 */
export function chooseUser({ byName, current }: KubeconfigUsers, host: string, port: number): KubeconfigUser | undefined {
  const names = [`${host}:${port}`, ...(port === HTTPS_PORT ? [host] : [])].flatMap((target) => [target, ...starred(target)]);
  for (const name of [...names, "*"]) {
    const user = byName.get(name);
    if (user !== undefined) return user;
  }
  return current;
}

/** `*.b.c` and `*.c` of `a.b.c`. */
function starred(target: string): readonly string[] {
  const steps = target.split(".");
  return steps.slice(1).map((_, index) => `*.${steps.slice(index + 1).join(".")}`);
}
