/** Upstream's features that are usual and can be switched off here (`--feature-gates`): those of 1.36 that are beta there, and something of the API. */
export const USUAL_GATES = ["ComponentFlagz", "ComponentStatusz", "OpenAPIEnums", "StrictIPCIDRValidation"] as const;

/** Those that are off in 1.36 unless they are switched on: without them their fields are dropped, and so nothing comes of them. */
export const UNUSUAL_GATES = ["MaxUnavailableStatefulSet", "VolumeLimitScaling"] as const;

export type FeatureGate = (typeof USUAL_GATES)[number] | (typeof UNUSUAL_GATES)[number];

export type FeatureGates = ReadonlySet<FeatureGate>;

/** What switches on each of the unusual ones together with others of its stage. */
const STAGES: Readonly<Record<(typeof UNUSUAL_GATES)[number], "AllAlpha" | "AllBeta">> = {
  MaxUnavailableStatefulSet: "AllBeta",
  VolumeLimitScaling: "AllAlpha",
};

/** Which of them are off: by name, by their stage, or because they usually are. Pure. */
export function disabledFeatures(gates: Readonly<Record<string, boolean>> = {}): FeatureGates {
  return new Set<FeatureGate>([
    ...USUAL_GATES.filter((name) => (gates[name] ?? gates["AllBeta"]) === false),
    ...UNUSUAL_GATES.filter((name) => (gates[name] ?? gates[STAGES[name]]) !== true),
  ]);
}
