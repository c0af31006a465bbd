import { serviceAccountUser } from "../../apimachinery/known-users.ts";
import type { Client } from "../../client/client.ts";
import type { Unit } from "../manifests/resolve-units.ts";
import type { ActAs } from "./dry-run.ts";

/** Tells writes that the system makes in an account's name from the account's own: fields that only Git may change are changed by Git. */
const GITOPS_GROUP = "mainstay:gitops";

/** Access to the API in someone else's name, with that one's rights and no others. */
export type Impersonate = (username: string, groups: readonly string[]) => Client;

/**
 * Units with a ServiceAccount write in its name, so that its roles bound what the folder may hold. Units that have left the repository
 * are taken apart in the system's name: nobody knows their account any more, and they hold only what was admitted once.
 */
export function createActAs(client: Client, impersonate: Impersonate | undefined, units: readonly Unit[]): ActAs {
  const accounts = new Map(
    units.flatMap((unit) =>
      unit.serviceAccount === undefined
        ? []
        : [[unit.name, { namespace: unit.accountNamespace ?? unit.namespace ?? "default", name: unit.serviceAccount }] as const],
    ),
  );
  const known = new Map<string, Client>();
  return ({ unit }) => {
    const account = accounts.get(unit);
    if (account === undefined) return client;
    if (impersonate === undefined) throw new Error(`act as ServiceAccount ${account.namespace}/${account.name}: this access cannot`);
    const { username, groups } = serviceAccountUser(account);
    const made = known.get(unit) ?? impersonate(username, [GITOPS_GROUP, ...groups]).as("mainstay");
    known.set(unit, made);
    return made;
  };
}
