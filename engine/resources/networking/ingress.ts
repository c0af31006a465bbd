import { isIP } from "node:net";
import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { ageColumn, balancerAddresses, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { ingressWarnings } from "../warnings/kind-warnings.ts";
import type { Ingress, IngressRule } from "../types.ts";
import { hostErrors, validateIngressSpec, validateRule } from "../validation/ingress.ts";
import { addressErrors } from "../validation/ip.ts";

/** The way of naming a class before there were IngressClass objects; controllers still know it. */
export const LEGACY_CLASS_ANNOTATION = "kubernetes.io/ingress.class";

const HOSTS_SHOWN_MAX = 3;

export const ingressResource = defineResource<Ingress>({
  group: "networking.k8s.io",
  version: "v1",
  resource: "ingresses",
  singular: "ingress",
  kind: "Ingress",
  namespaced: true,
  shortNames: ["ing"],
  schema: () => loadSchema("networking.k8s.io/v1/ingress.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    hasGeneration: true,
    prepareForCreate: (ingress) => ({ ...ingress, status: { loadBalancer: {} } }),
    validateNew: (ingress) => [...validateIngressSpec(ingress.spec ?? {}), ...classErrors(ingress)],
    validateUpdate: (ingress, old) => validateIngressSpec(ingress.spec ?? {}, allowances(old)),
    validateStatusUpdate: validateStatus,
    warnings: ingressWarnings,
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Class", type: "string", description: "Its class, which says who serves it.", cell: (ingress) => ingress.spec?.ingressClassName ?? "<none>" },
    { name: "Hosts", type: "string", description: "Hosts it has rules for.", cell: hostsText },
    { name: "Address", type: "string", description: "Where it is reachable.", cell: addressText },
    { name: "Ports", type: "string", description: "Ports it is reachable on.", cell: (ingress) => ((ingress.spec?.tls ?? []).length > 0 ? "80, 443" : "80") },
    ageColumn,
  ],
});

/** What an update may keep because it was stored before the rule was made. */
function allowances({ spec }: Ingress): { readonly wildcardRules: boolean; readonly secretNames: boolean } {
  return {
    wildcardRules: (spec?.rules ?? []).some(
      (rule: IngressRule, index) => (rule.host ?? "").includes("*") && validateRule(rule, `spec.rules[${index}]`).length > 0,
    ),
    secretNames: (spec?.tls ?? []).some(({ secretName }) => secretName !== undefined && secretName !== "" && dnsSubdomainError(secretName) !== undefined),
  };
}

function classErrors({ metadata, spec }: Ingress): FieldError[] {
  const annotated = metadata.annotations?.[LEGACY_CLASS_ANNOTATION];
  if (annotated === undefined || spec?.ingressClassName === undefined || annotated === spec.ingressClassName) return [];
  return [invalidField(`annotations.${LEGACY_CLASS_ANNOTATION}`, annotated, "must match `ingressClassName` when both are specified")];
}

function validateStatus(ingress: Ingress, old: Ingress): FieldError[] {
  const known = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  return (ingress.status?.loadBalancer?.ingress ?? []).flatMap(({ ip = "", hostname = "" }, index) => {
    const at = `status.loadBalancer.ingress[${index}]`;
    const errors = ip === "" || known.includes(ip) ? [] : addressErrors(ip, `${at}.ip`);
    if (hostname !== "") errors.push(...hostErrors(hostname, `${at}.hostname`));
    if (isIP(hostname) !== 0) errors.push(invalidField(`${at}.hostname`, hostname, "must be a DNS name, not an IP address"));
    return errors;
  });
}

function hostsText({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const hosts = rules.flatMap(({ host }) => (host ? [host] : []));
  if (hosts.length === 0) return "*";
  return hosts.length <= HOSTS_SHOWN_MAX ? hosts.join(",") : `${hosts.slice(0, HOSTS_SHOWN_MAX).join(",")} + ${rules.length - HOSTS_SHOWN_MAX} more...`;
}

function addressText({ status }: Ingress): string {
  return balancerAddresses(status?.loadBalancer).join(",");
}
