import { DEFAULT_CLASS_ANNOTATION, ingressClassResource } from "../../resources/networking/ingress-class.ts";
import { LEGACY_CLASS_ANNOTATION } from "../../resources/networking/ingress.ts";
import type { Ingress, IngressClass } from "../../resources/types.ts";
import { isCreateOf, type AdmissionPlugin } from "../admission.ts";

/** An Ingress that names no class, in the new way or the old, gets the default one, if there is one. */
export const defaultIngressClass: AdmissionPlugin = {
  name: "DefaultIngressClass",
  async mutate(attributes, reader) {
    if (!isCreateOf(attributes, "networking.k8s.io", "ingresses")) return attributes.object;
    const ingress = attributes.object as Ingress; // isCreateOf
    if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[LEGACY_CLASS_ANNOTATION] !== undefined) return attributes.object;
    const chosen = chooseIngressClass(await reader.list(ingressClassResource, ""));
    return chosen?.metadata.name === undefined ? attributes.object : { ...ingress, spec: { ...ingress.spec, ingressClassName: chosen.metadata.name } };
  },
};

/** Of several defaults the newest, of equally new ones the first by name. Pure. */
function chooseIngressClass(classes: readonly IngressClass[]): IngressClass | undefined {
  const rank = ({ metadata }: IngressClass) => metadata.creationTimestamp ?? "";
  const isDefault = ({ metadata }: IngressClass) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === "true";
  return classes
    .filter(isDefault)
    .sort((a, b) => (rank(a) === rank(b) ? ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1) : rank(a) > rank(b) ? -1 : 1))[0];
}
