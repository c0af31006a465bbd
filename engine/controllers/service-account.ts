import { unlessGone } from "../apimachinery/status-error.ts";
import type { Following } from "../lib/changing-value.ts";
import { configMapResource } from "../resources/core/config-map.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import { serviceAccountResource } from "../resources/core/service-account.ts";
import type { ConfigMap } from "../resources/types.ts";
import type { ControllerContext } from "./controller-context.ts";
import { create, isBeingDeleted, update, watch, type Action, type ControllerDefinition } from "./define-controller.ts";

const ROOT_CA_NAME = "kube-root-ca.crt";
const ACCOUNT_NAME = "default";
const DESCRIPTION = { "kubernetes.io/description": "The certificate of the cluster's authority, for pods to verify the API server with." };

export interface NamespaceBasics {
  readonly namespace: string;
  readonly hasAccount: boolean;
  readonly rootCaMap: ConfigMap | undefined;
}

/** Every namespace has its `default` ServiceAccount, and the cluster's CA in a ConfigMap; what others made of it is put back. Pure. */
export function planNamespaceBasics({ namespace, hasAccount, rootCaMap }: NamespaceBasics, rootCa: string): readonly Action[] {
  const data = { "ca.crt": rootCa };
  return [
    ...(hasAccount ? [] : [create(serviceAccountResource, { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: ACCOUNT_NAME } })]),
    ...(rootCaMap === undefined
      ? [create(configMapResource, { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name: ROOT_CA_NAME, annotations: DESCRIPTION }, data })]
      : []),
    ...(rootCaMap !== undefined && (Object.keys(rootCaMap.data ?? {}).length !== 1 || rootCaMap.data?.["ca.crt"] !== rootCa)
      ? [update(configMapResource, { ...rootCaMap, data })]
      : []),
  ];
}

/** Gives every namespace what pods in it need, and puts it back when it goes. */
export function serviceAccountController({ client, informers }: ControllerContext, rootCa: Following<string>): ControllerDefinition<NamespaceBasics> {
  const namespaces = informers.informer(namespaceResource);
  const accounts = informers.informer(serviceAccountResource);
  const maps = informers.identityInformer(configMapResource);
  return {
    name: "service-account-controller",
    watches: [
      watch(namespaces, (namespace) => [namespace.metadata.name ?? ""]),
      watch(
        accounts,
        ({ metadata: { name, namespace = "" } }) => (name === ACCOUNT_NAME ? [namespace] : []),
        (_old, account) => account === undefined,
      ),
      watch(maps, ({ metadata: { name, namespace = "" } }) => (name === ROOT_CA_NAME ? [namespace] : [])),
    ],
    follow: (enqueue, signal) => rootCa.onChange(() => namespaces.list().forEach(({ metadata: { name = "" } }) => enqueue(name)), signal),
    async observe(name) {
      const namespace = namespaces.get("", name);
      if (namespace === undefined || isBeingDeleted(namespace)) return undefined;
      return {
        namespace: name,
        hasAccount: accounts.get(name, ACCOUNT_NAME) !== undefined,
        rootCaMap: await unlessGone(client.for(configMapResource).get(name, ROOT_CA_NAME)),
      };
    },
    plan: (inputs) => planNamespaceBasics(inputs, rootCa.current),
  };
}
