import type { Client } from "../../engine/client/client.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import type { Pod, TokenRequest } from "../../engine/resources/types.ts";

export interface PodToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** A token of the pod's account, bound to the pod. Without an audience it is for the API server. */
export async function requestPodToken(client: Client, pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<PodToken> {
  const { namespace = "", name = "", uid = "" } = pod.metadata;
  const account = pod.spec.serviceAccountName || "default";
  const request: TokenRequest = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: { audiences: audience === undefined ? [] : [audience], expirationSeconds, boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid } },
  };
  const answer = (await client.for(serviceAccountResource).createSubresource(namespace, account, "token", request)) as TokenRequest; // the subresource answers in kind
  return { token: answer.status?.token ?? "", expiresAtMs: Date.parse(answer.status?.expirationTimestamp ?? "") };
}
