import type { ConfigFields } from "../../apimachinery/config-fields.ts";
import { dnsLabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import { MODES, OPEN_POLICY, parseLevel, parseVersion, type LevelVersion, type Mode, type Policy } from "./policy.ts";

/** What operators decide for all namespaces. */
export interface PodSecuritySettings {
  /** What holds where a namespace's labels say nothing. */
  readonly defaults: Policy;
  /** Whose pods are not looked at. */
  readonly exemptions: { readonly usernames: readonly string[]; readonly namespaces: readonly string[]; readonly runtimeClasses: readonly string[] };
}

/** A namespace without labels asks for nothing. */
export const OPEN_SETTINGS: PodSecuritySettings = { defaults: OPEN_POLICY, exemptions: { usernames: [], namespaces: [], runtimeClasses: [] } };

/** Reads the plugin's PodSecurityConfiguration. Throws with the field for what is wrong. */
export function podSecuritySettingsOf(fields: ConfigFields): PodSecuritySettings {
  fields.requireKind(
    "PodSecurityConfiguration",
    ["v1", "v1beta1", "v1alpha1"].map((version) => `pod-security.admission.config.k8s.io/${version}`),
  );
  fields.refuseOthers(["kind", "apiVersion", "defaults", "exemptions"]);
  const defaults = fields.part("defaults");
  defaults?.refuseOthers(MODES.flatMap((mode) => [mode, `${mode}-version`]));
  const of = (mode: Mode): LevelVersion => ({
    level: defaults?.parsed(mode, parseLevel) ?? "privileged",
    minor: defaults?.parsed(`${mode}-version`, parseVersion) ?? Infinity,
  });
  const exemptions = fields.part("exemptions");
  exemptions?.refuseOthers(["usernames", "namespaces", "runtimeClasses"]);
  return {
    defaults: { enforce: of("enforce"), audit: of("audit"), warn: of("warn") },
    exemptions: {
      usernames: names(exemptions, "usernames", (name) => (name === "" ? "username must not be empty" : undefined)),
      namespaces: names(exemptions, "namespaces", dnsLabelError),
      runtimeClasses: names(exemptions, "runtimeClasses", dnsSubdomainError),
    },
  };
}

function names(fields: ConfigFields | undefined, field: string, problemOf: (name: string) => string | undefined): readonly string[] {
  const found = fields?.texts(field) ?? [];
  for (const [index, name] of found.entries()) {
    const problem = problemOf(name) ?? (found.indexOf(name) < index ? "is there twice" : undefined);
    if (problem !== undefined) throw new Error(`${fields?.path}.${field}[${index}]: ${JSON.stringify(name)}: ${problem}`);
  }
  return found;
}
