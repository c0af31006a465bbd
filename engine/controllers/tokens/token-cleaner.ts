import { secretResource } from "../../resources/core/secret.ts";
import type { Secret } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

const NAMESPACE = "kube-system";
const TYPE = "bootstrap.kubernetes.io/token";

/** A bootstrap token goes when its time is over; one that has no time stays. Pure. */
function planTokenExpiry(secret: Secret, nowMs: number): readonly Action[] {
  const expiration = Buffer.from(secret.data?.["expiration"] ?? "", "base64").toString("utf8");
  const endsMs = Date.parse(expiration);
  // One that cannot be read lets nobody in; whoever wrote it should find it.
  if (Number.isNaN(endsMs)) return [];
  return endsMs <= nowMs ? [{ do: "delete", resource: secretResource, object: secret, ifUnchanged: true }] : [{ do: "wait", forMs: endsMs - nowMs }];
}

export function tokenCleaner({ informers }: ControllerContext): ControllerDefinition<Secret> {
  const secrets = informers.informer(secretResource, { namespace: NAMESPACE, fieldSelector: `type=${TYPE}` });
  return {
    name: "token-cleaner",
    workers: 1,
    watches: [watch(secrets, ({ metadata: { name = "" } }) => [name])],
    observe(name) {
      const secret = secrets.get(NAMESPACE, name);
      return secret === undefined || isBeingDeleted(secret) ? undefined : secret;
    },
    plan: planTokenExpiry,
  };
}
