import { notFound } from "../../apimachinery/status-error.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";
import { readNamespace } from "../request-matching.ts";

/** Makes a namespace as the server itself would; one that is there already is no error. */
export type MakeNamespace = (name: string) => Promise<void>;

/** A namespace comes with the first object that is made in it. */
export function namespaceAutoProvision(makeNamespace: MakeNamespace): AdmissionPlugin {
  return {
    name: "NamespaceAutoProvision",
    async mutate(attributes, reader) {
      const isNeeded = attributes.operation === "CREATE" && attributes.isDryRun !== true && isNamespaced(attributes);
      if (isNeeded && (await readNamespace(attributes, reader)) === undefined) await makeNamespace(attributes.namespace);
      return attributes.object;
    },
  };
}

/** Nothing is written or deleted in a namespace that does not exist: NamespaceLifecycle says so of creates only. */
export const namespaceExists: AdmissionPlugin = {
  name: "NamespaceExists",
  async validate(attributes, reader) {
    if (attributes.operation === "CONNECT" || !isNamespaced(attributes) || attributes.assumedNamespaces?.has(attributes.namespace) === true) return;
    if ((await readNamespace(attributes, reader)) === undefined) throw notFound(namespaceResource, attributes.namespace);
  },
};

function isNamespaced(attributes: AdmissionAttributes): boolean {
  return attributes.namespace !== "" && !isKind(attributes, "", "namespaces");
}
