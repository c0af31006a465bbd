import { unlessGone } from "../../apimachinery/status-error.ts";
import { configMapResource } from "../../resources/core/config-map.ts";
import { podResource } from "../../resources/core/pod.ts";
import { secretResource } from "../../resources/core/secret.ts";
import { serviceAccountResource } from "../../resources/core/service-account.ts";
import {
  ACCOUNT_NAME_ANNOTATION,
  ACCOUNT_TOKEN_TYPE,
  ACCOUNT_UID_ANNOTATION,
  DAY,
  dayOf,
  INVALID_SINCE_LABEL,
  LAST_USED_LABEL,
  listsSecret,
  TOKEN_TRACKING,
} from "../../resources/core/token-secrets.ts";
import { references } from "../../resources/pod-references.ts";
import type { Pod, Secret, ServiceAccount } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, read, type Action, type ControllerDefinition } from "../define-controller.ts";

const DAY_MS = 24 * 3_600_000;

export interface UnusedTokenInputs {
  /** Those of service accounts. */
  readonly secrets: readonly Secret[];
  readonly accounts: readonly ServiceAccount[];
  readonly pods: readonly Pod[];
  /** The day from which on the use of tokens has been noted; undefined when nobody says. */
  readonly trackedSince: string | undefined;
}

/**
 * Tokens that clusters once made for every account and that nobody has used for `unusedMs` are marked, and so refused; after as long
 * again their Secrets go. Whatever leaves a doubt is kept: Secrets that the account does not list, for somebody made them, those that a
 * pod refers to, and everything as long as uses have not been noted for the whole time. Pure.
 */
export function planUnusedTokens(inputs: UnusedTokenInputs, unusedMs: number, nowMs: number): readonly Action[] {
  const sinceMs = dayMs(inputs.trackedSince);
  if (sinceMs === undefined || nowMs < sinceMs + DAY_MS + unusedMs) return [];
  const recentDay = dayOf(nowMs - unusedMs);
  const isRecent = (day: string | undefined) => day !== undefined && (dayMs(day) === undefined || day >= recentDay);
  return inputs.secrets
    .filter((secret) => !isBeingDeleted(secret) && Date.parse(secret.metadata.creationTimestamp ?? "") < nowMs - unusedMs)
    .filter((secret) => !isRecent(secret.metadata.labels?.[LAST_USED_LABEL]) && isMadeForEveryAccount(secret, inputs.accounts) && !isInUse(secret, inputs.pods))
    .flatMap((object): Action[] => {
      const invalidSince = object.metadata.labels?.[INVALID_SINCE_LABEL];
      if (dayMs(invalidSince) === undefined)
        return [{ do: "patch", resource: secretResource, object, type: "merge", patch: { metadata: { labels: { [INVALID_SINCE_LABEL]: dayOf(nowMs) } } } }];
      return isRecent(invalidSince) ? [] : [{ do: "delete", resource: secretResource, object, ifUnchanged: true }];
    });
}

/** Looks once a day, as days are what is noted. */
export function unusedTokenCleaner({ informers, client, timings }: ControllerContext): ControllerDefinition<UnusedTokenInputs> {
  const secrets = informers.informer(secretResource, { fieldSelector: `type=${ACCOUNT_TOKEN_TYPE}` });
  const accounts = informers.informer(serviceAccountResource);
  const pods = informers.informer(podResource);
  return {
    name: "legacy-serviceaccount-token-cleaner",
    workers: 1,
    watches: [],
    reads: [read(secrets), read(accounts), read(pods)],
    initialKeys: ["tokens"],
    async observe() {
      const all = secrets.list();
      const { namespace, name, key } = TOKEN_TRACKING;
      const tracking = all.length === 0 ? undefined : await unlessGone(client.for(configMapResource).get(namespace, name));
      return { secrets: all, accounts: accounts.list(), pods: all.length === 0 ? [] : pods.list(), trackedSince: tracking?.data?.[key] };
    },
    plan: (inputs, nowMs) => [
      { do: "wait", forMs: timings.unusedTokenPeriodMs },
      { do: "together", actions: planUnusedTokens(inputs, timings.unusedTokenMs, nowMs) },
    ],
  };
}

function isMadeForEveryAccount({ metadata: { namespace, name, annotations = {} } }: Secret, accounts: readonly ServiceAccount[]): boolean {
  const uid = annotations[ACCOUNT_UID_ANNOTATION];
  const account = accounts.find((each) => each.metadata.namespace === namespace && each.metadata.name === annotations[ACCOUNT_NAME_ANNOTATION]);
  return account !== undefined && (!uid || uid === account.metadata.uid) && listsSecret(account, name);
}

function isInUse({ metadata: { namespace, name = "" } }: Secret, pods: readonly Pod[]): boolean {
  return pods.some((pod) => pod.metadata.namespace === namespace && references(pod.spec, "secrets", name));
}

/** Undefined for what is no day. */
function dayMs(day: string | undefined): number | undefined {
  const ms = day !== undefined && DAY.test(day) ? Date.parse(day) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
