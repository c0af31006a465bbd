import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";

/** Levels from the most open to the strictest. */
export const LEVELS = ["privileged", "baseline", "restricted"] as const;
export type Level = (typeof LEVELS)[number];

/** A level as it was in some release: the minor number, or Infinity for the newest there is. */
export interface LevelVersion {
  readonly level: Level;
  readonly minor: number;
}

export const MODES = ["enforce", "audit", "warn"] as const;
export type Mode = (typeof MODES)[number];

/** What a namespace asks of its pods. */
export type Policy = Readonly<Record<Mode, LevelVersion>>;

const PREFIX = "pod-security.kubernetes.io/";

const OPEN: LevelVersion = { level: "privileged", minor: Infinity };

export const OPEN_POLICY: Policy = { enforce: OPEN, audit: OPEN, warn: OPEN };

/**
 * The policy in a namespace's labels. There always is one: what cannot be read is as strict as can be where it is enforced, and asks for
 * nothing where it would only be remarked. Who enforces more than is warned of is warned of as much. Pure.
 */
export function readPolicy(
  labels: Readonly<Record<string, string>> | undefined,
  defaults: Policy = OPEN_POLICY,
): { readonly policy: Policy; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const parsed = <T>(key: string, parse: (text: string) => T, fallback: T, mistaken: T): T => {
    const value = labels?.[`${PREFIX}${key}`];
    if (value === undefined) return fallback;
    try {
      return parse(value);
    } catch (error) {
      errors.push(invalidField(`metadata.labels[${PREFIX}${key}]`, value, error instanceof Error ? error.message : String(error)));
      return mistaken;
    }
  };
  const read = (mode: Mode): LevelVersion => ({
    level: parsed(mode, parseLevel, defaults[mode].level, mode === "enforce" ? "restricted" : "privileged"),
    minor: parsed(`${mode}-version`, parseVersion, defaults[mode].minor, Infinity),
  });
  const [enforce, audit, warn] = [read("enforce"), read("audit"), read("warn")];
  const says = (key: string) => labels?.[`${PREFIX}${key}`] !== undefined;
  const isWarnRaised = !says("warn") && LEVELS.some((level) => level === labels?.[`${PREFIX}enforce`]) && isStricter(enforce, warn);
  return { policy: { enforce, audit, warn: isWarnRaised ? { level: enforce.level, minor: says("warn-version") ? warn.minor : enforce.minor } : warn }, errors };
}

/** Which labels of a namespace say something about a mode. */
export function labelsOf(mode: Mode): readonly string[] {
  return [`${PREFIX}${mode}`, `${PREFIX}${mode}-version`];
}

export function asksForNothing(policy: Policy): boolean {
  return MODES.every((mode) => policy[mode].level === "privileged");
}

export function formatLevel({ level, minor }: LevelVersion): string {
  return `${level}:${minor === Infinity ? "latest" : `v1.${minor}`}`;
}

export function isSameLevel(left: LevelVersion, right: LevelVersion): boolean {
  return left.level === right.level && left.minor === right.minor;
}

function isStricter(left: LevelVersion, right: LevelVersion): boolean {
  return LEVELS.indexOf(left.level) > LEVELS.indexOf(right.level);
}

/** Throws for what is none. */
export function parseLevel(text: string): Level {
  const level = LEVELS.find((one) => one === text);
  if (level === undefined) throw new Error(`must be one of ${LEVELS.join(", ")}`);
  return level;
}

/** The minor number of `v1.x`, or Infinity for `latest`. Throws for anything else. */
export function parseVersion(text: string): number {
  if (text === "latest") return Infinity;
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(text)?.[1];
  if (minor === undefined) throw new Error('must be "latest" or "v1.x"');
  return Number(minor);
}
