import { formatTime } from "../../lib/clock.ts";

/** The type of Secrets that hold a service account's token, and the annotations that say whose. */
export const ACCOUNT_TOKEN_TYPE = "kubernetes.io/service-account-token";
export const ACCOUNT_NAME_ANNOTATION = "kubernetes.io/service-account.name";
export const ACCOUNT_UID_ANNOTATION = "kubernetes.io/service-account.uid";

/** The day, in UTC, on which a token that a Secret holds was used last. */
export const LAST_USED_LABEL = "kubernetes.io/legacy-token-last-used";
/** The day since which the token is refused. Whoever clears away tokens that nobody uses marks them first, so that they can be had back. */
export const INVALID_SINCE_LABEL = "kubernetes.io/legacy-token-invalid-since";

/** The ConfigMap whose `since` tells from which day on the use of tokens is noted on their Secrets. */
export const TOKEN_TRACKING = { namespace: "kube-system", name: "kube-apiserver-legacy-service-account-token-tracking", key: "since" } as const;

/** How such days are written: `2026-01-31`. */
export const DAY = /^\d{4}-\d\d-\d\d$/;

/** The day of an instant, in UTC. */
export function dayOf(epochMs: number): string {
  return formatTime(epochMs).slice(0, "2026-01-31".length);
}

/** Whether the token in a Secret was made for an account as for every other: those alone does an account list. */
export function listsSecret({ secrets = [] }: { readonly secrets?: readonly { readonly name?: string }[] }, name: string | undefined): boolean {
  return secrets.some((reference) => reference.name === name);
}
