/** Upstream's features that are usual and can be switched off here (`--feature-gates`): those of 1.36 that are beta there, and something of the API. */
export const FEATURE_GATES = ["ComponentFlagz", "ComponentStatusz", "OpenAPIEnums", "StrictIPCIDRValidation"] as const;

export type FeatureGate = (typeof FEATURE_GATES)[number];

export type FeatureGates = ReadonlySet<FeatureGate>;

/** Which of them are switched off: by name, or as beta features all at once. Pure. */
export function disabledFeatures(gates: Readonly<Record<string, boolean>>): FeatureGates {
  return new Set(FEATURE_GATES.filter((name) => (gates[name] ?? gates["AllBeta"]) === false));
}
