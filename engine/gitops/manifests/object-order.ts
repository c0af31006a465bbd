import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Problem } from "./problem.ts";

export type Phase = "before" | "main" | "after";

/** When an object is applied within its unit: hooks before all others or after them, and within each part by wave. */
export interface ObjectOrder {
  readonly phase: Phase;
  /** All phases that a hook has a moment in, in their order; undefined: it is none. */
  readonly hook?: readonly Phase[];
  readonly wave: number;
  /** What the object names as having to be ready first: `Kind/name` of its own namespace, or `Kind/namespace/name`. */
  readonly dependsOn: readonly string[];
}

export const WAVE_ANNOTATION = "mainstay.dev/wave";
const HOOK_ANNOTATION = "mainstay.dev/hook";
export const DEPENDS_ON_ANNOTATION = "mainstay.dev/depends-on";
const WAVE_MAX = 100_000;

/** Annotations of Argo CD and Helm that mean the same; a repository that moves here keeps its order. */
const WAVES = [WAVE_ANNOTATION, "argocd.argoproj.io/sync-wave", "helm.sh/hook-weight"];
export const HOOK_ANNOTATIONS = [HOOK_ANNOTATION, "argocd.argoproj.io/hook", "helm.sh/hook"];
const IN_ORDER: readonly Phase[] = ["before", "main", "after"];
const PHASES: ReadonlyMap<string, Phase> = new Map(
  Object.entries({
    before: "before",
    after: "after",
    PreSync: "before",
    Sync: "main",
    PostSync: "after",
    "pre-install": "before",
    "pre-upgrade": "before",
    "post-install": "after",
    "post-upgrade": "after",
    "crd-install": "main",
  }),
);
/** Moments that do not exist here: a commit is refused rather than failed, and an application goes with its folder. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "SyncFail",
  "PreDelete",
  "PostDelete",
  "Skip",
  "pre-delete",
  "post-delete",
  "pre-rollback",
  "post-rollback",
  "test",
  "test-success",
  "test-failure",
]);

export type OrderReading =
  | { readonly is: "ordered"; readonly order: ObjectOrder }
  | { readonly is: "left out"; readonly why: string }
  | { readonly is: "faulty"; readonly problem: Omit<Problem, "file" | "line"> & { readonly field: string } };

/** Reads an object's annotations. An object without any of them is of wave 0, neither before nor after. */
export function readOrder({ metadata }: Pick<KubeObject, "metadata">): OrderReading {
  const annotations = metadata.annotations ?? {};
  const fault = (key: string, message: string): OrderReading => ({ is: "faulty", problem: { field: `metadata.annotations[${key}]`, message } });
  const waveKey = WAVES.find((key) => annotations[key] !== undefined);
  const waveText = waveKey === undefined ? "0" : (annotations[waveKey] ?? "").trim();
  const wave = Number(waveText);
  if (waveText === "" || !Number.isInteger(wave) || Math.abs(wave) > WAVE_MAX)
    return fault(waveKey ?? WAVE_ANNOTATION, `must be an integer between -${WAVE_MAX} and ${WAVE_MAX}, in quotes`);
  const hookKey = HOOK_ANNOTATIONS.find((key) => annotations[key] !== undefined);
  const moments = momentsOf({ metadata });
  const unknown = moments.find((moment) => !PHASES.has(moment) && !LEFT_OUT.has(moment));
  if (unknown !== undefined || (hookKey !== undefined && moments.length === 0)) return fault(hookKey ?? HOOK_ANNOTATION, "must be before or after");
  const phases = IN_ORDER.filter((phase) => moments.some((moment) => PHASES.get(moment) === phase));
  if (moments.length > 0 && phases.length === 0) return { is: "left out", why: `hook ${moments.join(", ")} has no moment here, left out` };
  const dependsOn = (annotations[DEPENDS_ON_ANNOTATION] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const malformed = dependsOn.find((name) => !/^[A-Za-z]+(\/[a-z0-9.-]+){1,2}$/.test(name));
  if (malformed !== undefined) return fault(DEPENDS_ON_ANNOTATION, `${malformed} must be Kind/name or Kind/namespace/name; several are separated by commas`);
  return { is: "ordered", order: { phase: phases[0] ?? "main", ...(hookKey === undefined ? {} : { hook: phases }), wave, dependsOn } };
}

/** The moments that an object is a hook of, as its annotation says. */
export function momentsOf({ metadata }: Pick<KubeObject, "metadata">): readonly string[] {
  const annotations = metadata.annotations ?? {};
  const key = HOOK_ANNOTATIONS.find((one) => annotations[one] !== undefined);
  return key === undefined
    ? []
    : (annotations[key] ?? "")
        .split(",")
        .map((moment) => moment.trim())
        .filter((moment) => moment !== "");
}

export function isMomentHere(moment: string): boolean {
  return PHASES.has(moment);
}

/** Everything of a lower rank goes first. */
export function rankOf({ phase, wave }: ObjectOrder): number {
  return { before: -1, main: 0, after: 1 }[phase] * (4 * WAVE_MAX) + wave;
}
