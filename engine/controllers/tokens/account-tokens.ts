import { objectKey } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import type { Following } from "../../lib/changing-value.ts";
import { secretResource } from "../../resources/core/secret.ts";
import { serviceAccountResource } from "../../resources/core/service-account.ts";
import { ACCOUNT_NAME_ANNOTATION, ACCOUNT_TOKEN_TYPE, ACCOUNT_UID_ANNOTATION } from "../../resources/core/token-secrets.ts";
import type { Secret, ServiceAccount } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";

/** Makes the token of a Secret; it is good as long as the Secret holds it. */
export type IssueAccountToken = (namespace: string, account: { readonly name: string; readonly uid: string }, secretName: string) => Promise<string>;

export interface TokenSecretInputs {
  readonly secret: Secret;
  /** The account that it names, when it exists and is the one that the Secret was filled for. */
  readonly account: ServiceAccount | undefined;
  /** For a Secret that holds none yet. */
  readonly token: string | undefined;
}

/** A Secret that asks for an account's token gets it, with the cluster's CA and its namespace; without the account it goes. Pure. */
function planTokenSecret({ secret, account, token }: TokenSecretInputs, rootCa: string): readonly Action[] {
  const { uid, namespace = "" } = secret.metadata;
  if (account === undefined) return uid === undefined ? [] : [{ do: "delete", resource: secretResource, object: secret, ifUnchanged: true }];
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const wanted = { "ca.crt": base64(rootCa), namespace: base64(namespace), ...(token === undefined ? {} : { token: base64(token) }) };
  const isRight =
    Object.entries(wanted).every(([key, value]) => secret.data?.[key] === value) &&
    secret.metadata.annotations?.[ACCOUNT_UID_ANNOTATION] === account.metadata.uid;
  if (isRight) return [];
  const annotations = { ...secret.metadata.annotations, [ACCOUNT_UID_ANNOTATION]: account.metadata.uid ?? "" };
  return [update(secretResource, { ...secret, metadata: { ...secret.metadata, annotations }, data: { ...secret.data, ...wanted } })];
}

/** Fills Secrets of type service-account-token, and clears away those whose account is gone. */
export function accountTokenController(
  { informers, client }: ControllerContext,
  rootCa: Following<string>,
  issue: IssueAccountToken,
): ControllerDefinition<TokenSecretInputs> {
  const secrets = informers.informer(secretResource, { fieldSelector: `type=${ACCOUNT_TOKEN_TYPE}` });
  const accounts = informers.informer(serviceAccountResource);
  return {
    name: "tokens-controller",
    watches: [
      watch(secrets, (secret) => [objectKey(secret)]),
      watch(accounts, (account) =>
        secrets
          .list()
          .filter((secret) => accountNameOf(secret) === account.metadata.name && secret.metadata.namespace === account.metadata.namespace)
          .map(objectKey),
      ),
    ],
    follow: (enqueue, signal) => rootCa.onChange(() => secrets.list().forEach((secret) => enqueue(objectKey(secret))), signal),
    async observe(key) {
      const [namespace = "", name = ""] = key.split("/");
      const secret = secrets.get(namespace, name);
      if (secret === undefined || isBeingDeleted(secret)) return undefined;
      const accountName = accountNameOf(secret) ?? "";
      // The cache may not have the account yet, and what follows from its absence cannot be undone.
      const found = accounts.get(namespace, accountName) ?? (await unlessGone(client.for(serviceAccountResource).get(namespace, accountName)));
      const filledFor = secret.metadata.annotations?.[ACCOUNT_UID_ANNOTATION];
      const account = found !== undefined && (filledFor === undefined || filledFor === "" || filledFor === found.metadata.uid) ? found : undefined;
      const needsToken = account !== undefined && !secret.data?.["token"];
      return { secret, account, token: needsToken ? await issue(namespace, { name: accountName, uid: account.metadata.uid ?? "" }, name) : undefined };
    },
    plan: (inputs) => planTokenSecret(inputs, rootCa.current),
  };
}

function accountNameOf({ metadata }: Secret): string | undefined {
  return metadata.annotations?.[ACCOUNT_NAME_ANNOTATION];
}
