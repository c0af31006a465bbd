import { forbidden } from "../../apimachinery/status-error.ts";
import { requestName, type AdmissionAttributes, type AdmissionPlugin } from "../admission.ts";

/** Upstream keeps it for old command lines: it changes nothing. */
export const alwaysAdmit: AdmissionPlugin = { name: "AlwaysAdmit" };

/** Nothing is changed by anybody, the server's own beginnings included: for tests of clients, against a store that is filled already. */
export const alwaysDeny: AdmissionPlugin = {
  name: "AlwaysDeny",
  seesConnections: true,
  mutate: refuse,
  beforeDelete: refuse,
};

function refuse(attributes: AdmissionAttributes): never {
  throw forbidden(attributes.definition, requestName(attributes), "admission control is denying all modifications");
}
