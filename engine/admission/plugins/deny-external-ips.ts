import { forbidden } from "../../apimachinery/status-error.ts";
import type { Service } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionPlugin } from "../admission.ts";

/** No Service takes over addresses that it does not have yet: who may make Services could draw others' traffic to his pods by them. */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: "DenyServiceExternalIPs",
  validate(attributes) {
    const { operation, subresource, object, old } = attributes;
    if (!isKind(attributes, "", "services") || subresource !== undefined || (operation !== "CREATE" && operation !== "UPDATE")) return;
    const [wanted = [], known = []] = [object, old].map((service) => (service as Service | undefined)?.spec?.externalIPs); // isKind
    if (wanted.every((address) => known.includes(address))) return;
    throw forbidden(attributes.definition, requestName(attributes), "Use of external IPs is denied by admission control");
  },
};
