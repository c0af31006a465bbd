import { domainPrefixedPathErrors } from "../../apimachinery/domain-prefixed-path.ts";
import { forbiddenField, invalidField, requiredField, tooLong, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError } from "../../apimachinery/names.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { IngressClass, IngressClassParametersReference } from "../types.ts";
import { groupErrors, segmentErrors } from "../validation/ingress.ts";

/** Makes a class that of every Ingress which names none. */
export const DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class";

const CONTROLLER_LENGTH_MAX = 250;
const SCOPES = ["Cluster", "Namespace"];

export const ingressClassResource = defineResource<IngressClass>({
  group: "networking.k8s.io",
  version: "v1",
  resource: "ingressclasses",
  kind: "IngressClass",
  namespaced: false,
  schema: () => loadSchema("networking.k8s.io/v1/ingress-class.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    hasGeneration: true,
    setDefaults: withScope,
    validate: ({ spec }) => [
      ...validateController(spec?.controller ?? ""),
      ...(spec?.parameters === undefined ? [] : validateParameters(spec.parameters, "spec.parameters")),
    ],
    validateUpdate: ({ spec }, old) =>
      spec?.controller === old.spec?.controller ? [] : [invalidField("spec.controller", spec?.controller ?? "", "field is immutable")],
  },
  columns: [
    { ...nameColumn, cell: ({ metadata: { name = "", annotations = {} } }) => (annotations[DEFAULT_CLASS_ANNOTATION] === "true" ? `${name} (default)` : name) },
    { name: "Controller", type: "string", description: "Who serves it.", cell: ({ spec }) => spec?.controller ?? "" },
    { name: "Parameters", type: "string", description: "Where its settings are.", cell: ({ spec }) => parametersText(spec?.parameters) },
    ageColumn,
  ],
});

function withScope(ingressClass: IngressClass): IngressClass {
  const parameters = ingressClass.spec?.parameters;
  return parameters === undefined || parameters.scope !== undefined
    ? ingressClass
    : { ...ingressClass, spec: { ...ingressClass.spec, parameters: { ...parameters, scope: "Cluster" } } };
}

function validateController(controller: string): FieldError[] {
  const at = "spec.controller";
  return [...(controller.length > CONTROLLER_LENGTH_MAX ? [tooLong(at, CONTROLLER_LENGTH_MAX)] : []), ...domainPrefixedPathErrors(controller, at)];
}

function validateParameters({ apiGroup, kind, name, scope, namespace }: IngressClassParametersReference, path: string): FieldError[] {
  const errors = [...groupErrors(apiGroup, `${path}.apiGroup`), ...segmentErrors(kind, `${path}.kind`), ...segmentErrors(name, `${path}.name`)];
  if (scope === undefined) return [...errors, requiredField(`${path}.scope`)];
  if (!SCOPES.includes(scope)) errors.push(unsupportedValue(`${path}.scope`, scope, SCOPES));
  if (scope === "Cluster" && namespace !== undefined) errors.push(forbiddenField(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  if (scope !== "Namespace") return errors;
  if (namespace === undefined) return [...errors, requiredField(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'")];
  const problem = dnsLabelError(namespace);
  return problem === undefined ? errors : [...errors, invalidField(`${path}.namespace`, namespace, problem)];
}

function parametersText(parameters: IngressClassParametersReference | undefined): string {
  if (parameters === undefined) return "<none>";
  const { apiGroup, kind, name } = parameters;
  return `${kind}${apiGroup ? `.${apiGroup}` : ""}/${name}`;
}
