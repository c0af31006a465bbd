import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import type { ProfileSettings } from "../scheduler-settings.ts";
import { EXTENSION_POINTS, KNOWN_PLUGINS, REMOVED_PLUGINS, type ExtensionPoint } from "./known-plugins.ts";

interface ChosenPlugin {
  readonly name: string;
  /** 0 where none is said. */
  readonly weight: number;
}

interface PluginSet {
  readonly enabled: readonly ChosenPlugin[];
  readonly disabled: readonly string[];
}

const POINTS = Object.keys(EXTENSION_POINTS) as readonly ExtensionPoint[]; // its own keys
const NONE: PluginSet = { enabled: [], disabled: [] };
/** Points that say the same here: what a plugin does at the first, it does at the second as well. */
const TOGETHER: readonly (readonly [one: ExtensionPoint, other: ExtensionPoint])[] = [
  ["preFilter", "filter"],
  ["preScore", "score"],
  ["reserve", "filter"],
  ["preBind", "filter"],
];
/** What its filter needs is part of it. */
const DEVICES = "DynamicResources";
const GATES = "SchedulingGates";
const PREEMPTION = "DefaultPreemption";
/** Its score is that of a gate which is off. */
const VOLUMES = "VolumeBinding";

export type ChosenPlugins = Pick<ProfileSettings, "filters" | "scores" | "preempts">;

/**
 * Which plugins a profile runs. `plugins` is what it says of them; problems are added to `errors`. Upstream's rules: what is said of an extension point
 * wins over `multiPoint`, which is laid over the usual plugins. Throws with the place of what cannot be read.
 */
export function choosePlugins(plugins: ConfigFields | undefined, at: string, schedulerName: string, errors: FieldError[]): ChosenPlugins {
  plugins?.refuseOthers([...POINTS, "multiPoint"]);
  const sets = new Map(POINTS.map((point) => [point, readSet(plugins?.part(point))] as const));
  for (const [point, { enabled }] of sets) errors.push(...enabled.flatMap(({ name }, index) => nameProblem(name, point, `${at}.${point}.enabled[${index}]`)));
  const said = readSet(plugins?.part("multiPoint"));
  errors.push(...said.enabled.flatMap(({ name }, index) => nameProblem(name, undefined, `${at}.multiPoint.enabled[${index}]`)));
  const everywhere = mergeSets({ enabled: KNOWN_PLUGINS.map(({ name, weight = 0 }) => ({ name, weight })), disabled: [] }, said);
  const chosen = new Map(POINTS.map((point) => [point, expand(point, sets.get(point) ?? NONE, everywhere.enabled, `${at}.${point}`, errors)] as const));
  const names = (point: ExtensionPoint) => (chosen.get(point) ?? []).map(({ name }) => name);
  errors.push(...partedProblems(names, at), ...unservedProblems(names, at, schedulerName));
  return {
    filters: new Set(names("filter")),
    scores: new Map((chosen.get("score") ?? []).filter(({ name }) => name !== VOLUMES).map(({ name, weight }) => [name, weight || 1])),
    preempts: names("postFilter").includes(PREEMPTION),
  };
}

function readSet(set: ConfigFields | undefined): PluginSet {
  if (set === undefined) return NONE;
  set.refuseOthers(["enabled", "disabled"]);
  const [enabled, disabled] = (["enabled", "disabled"] as const).map((name) =>
    set.list(name).map((plugin) => {
      plugin.refuseOthers(["name", "weight"]);
      return { name: plugin.required("name"), weight: plugin.whole("weight", Number.MIN_SAFE_INTEGER) ?? 0 };
    }),
  );
  return { enabled: enabled ?? [], disabled: (disabled ?? []).map(({ name }) => name) };
}

/** `point` is undefined for multiPoint, which means all that the plugin has. */
function nameProblem(name: string, point: ExtensionPoint | undefined, at: string): readonly FieldError[] {
  if (REMOVED_PLUGINS.includes(name))
    return [
      invalidField(
        at,
        name,
        'was invalid in version "kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
      ),
    ];
  const known = KNOWN_PLUGINS.find((plugin) => plugin.name === name);
  if (known === undefined) return [invalidField(at, name, `${EXTENSION_POINTS[point ?? "preEnqueue"]} ${JSON.stringify(name)} does not exist`)];
  return point === undefined || known.points.includes(point)
    ? []
    : [invalidField(at, name, `plugin ${JSON.stringify(name)} does not extend ${EXTENSION_POINTS[point]} plugin`)];
}

/** What is said laid over what is usual: a usual plugin that is named keeps its place, others come at the end. */
function mergeSets(usual: PluginSet, said: PluginSet): PluginSet {
  const named = new Map(said.enabled.map((plugin) => [plugin.name, plugin]));
  const kept = said.disabled.includes("*")
    ? []
    : usual.enabled.filter(({ name }) => !said.disabled.includes(name)).map((plugin) => named.get(plugin.name) ?? plugin);
  return { enabled: [...kept, ...said.enabled.filter((plugin) => !kept.includes(plugin))], disabled: said.disabled };
}

/** The plugins of one point: first those of multiPoint that it names itself, then the others of multiPoint, then what it alone names. */
function expand(
  point: ExtensionPoint,
  { enabled, disabled }: PluginSet,
  everywhere: readonly ChosenPlugin[],
  at: string,
  errors: FieldError[],
): readonly ChosenPlugin[] {
  const twice = (list: readonly ChosenPlugin[]) => list.find(({ name }, index) => list.findIndex((other) => other.name === name) < index);
  const here = disabled.includes("*")
    ? []
    : everywhere.filter(({ name }) => !disabled.includes(name) && KNOWN_PLUGINS.find((plugin) => plugin.name === name)?.points.includes(point) === true);
  const repeated = twice(enabled) ?? twice(here);
  if (repeated !== undefined)
    errors.push(invalidField(at, repeated.name, `plugin ${JSON.stringify(repeated.name)} already registered as ${JSON.stringify(EXTENSION_POINTS[point])}`));
  const overriding = enabled.filter(({ name }) => here.some((other) => other.name === name));
  return [
    ...overriding,
    ...here.filter(({ name }) => !enabled.some((other) => other.name === name)),
    ...enabled.filter((plugin) => !overriding.includes(plugin)),
  ];
}

/** What would be done by halves. */
function partedProblems(names: (point: ExtensionPoint) => readonly string[], at: string): readonly FieldError[] {
  return TOGETHER.flatMap(([one, other]) =>
    KNOWN_PLUGINS.filter(({ name, points }) => points.includes(one) && points.includes(other) && name !== (one === "preScore" ? VOLUMES : "")).flatMap(
      ({ name }) => {
        const [isOne, isOther] = [names(one).includes(name), names(other).includes(name)];
        return isOne === isOther
          ? []
          : [
              invalidField(
                `${at}.${isOne ? other : one}`,
                name,
                `what it does at ${one} and at ${other} belongs together: enable or disable it at both, or with multiPoint`,
              ),
            ];
      },
    ),
  );
}

/** What cannot be done otherwise than it is. */
function unservedProblems(names: (point: ExtensionPoint) => readonly string[], at: string, schedulerName: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const sorts = names("queueSort");
  if (sorts.length !== 1)
    errors.push(
      invalidField(
        `${at}.queueSort`,
        sorts,
        `only one queue sort plugin required for profile with scheduler name ${JSON.stringify(schedulerName)}, but got ${sorts.length}`,
      ),
    );
  if (names("bind").length === 0)
    errors.push(invalidField(`${at}.bind`, [], `at least one bind plugin is needed for profile with scheduler name ${JSON.stringify(schedulerName)}`));
  if (!names("preEnqueue").includes(GATES))
    errors.push(invalidField(`${at}.preEnqueue`, GATES, "pods with scheduling gates always wait: it cannot be disabled"));
  for (const point of ["preEnqueue", "postFilter"] as const) {
    if (names(point).includes(DEVICES) !== names("filter").includes(DEVICES))
      errors.push(
        invalidField(`${at}.${point}`, DEVICES, `what it does at ${point} and at filter belongs together: enable or disable it at both, or with multiPoint`),
      );
  }
  if (names("preEnqueue").includes(PREEMPTION) !== names("postFilter").includes(PREEMPTION))
    errors.push(
      invalidField(`${at}.preEnqueue`, PREEMPTION, "what it does at preEnqueue and at postFilter belongs together: enable or disable it with multiPoint"),
    );
  return errors;
}
