import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";

/** Levels from the most open to the strictest. */
export const LEVELS = ["privileged", "baseline", "restricted"] as const;
export type Level = (typeof LEVELS)[number];

/** A level as it was in some release: the minor number, or Infinity for the newest there is. */
export interface LevelVersion {
  readonly level: Level;
  readonly minor: number;
}

const MODES = ["enforce", "audit", "warn"] as const;
type Mode = (typeof MODES)[number];

/** What a namespace asks of its pods. */
export type Policy = Readonly<Record<Mode, LevelVersion>>;

const PREFIX = "pod-security.kubernetes.io/";

/** A namespace without labels asks for nothing. */
const OPEN: LevelVersion = { level: "privileged", minor: Infinity };

/**
 * The policy in a namespace's labels. There always is one: what cannot be read is as strict as can be where it is enforced, and asks for
 * nothing where it would only be remarked. Pure.
 */
export function readPolicy(labels: Readonly<Record<string, string>> | undefined): { readonly policy: Policy; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const read = (mode: Mode): LevelVersion => {
    const level = labels?.[`${PREFIX}${mode}`];
    const version = labels?.[`${PREFIX}${mode}-version`];
    const refuse = (key: string, value: string, sentence: string) => errors.push(invalidField(`metadata.labels[${PREFIX}${key}]`, value, sentence));
    if (level !== undefined && !isLevel(level)) refuse(mode, level, `must be one of ${LEVELS.join(", ")}`);
    const minor = version === undefined ? Infinity : parseVersion(version);
    if (version !== undefined && minor === undefined) refuse(`${mode}-version`, version, 'must be "latest" or "v1.x"');
    const fallback = mode === "enforce" ? "restricted" : "privileged";
    return { level: level === undefined ? OPEN.level : isLevel(level) ? level : fallback, minor: minor ?? Infinity };
  };
  return { policy: { enforce: read("enforce"), audit: read("audit"), warn: read("warn") }, errors };
}

export function formatLevel({ level, minor }: LevelVersion): string {
  return `${level}:${minor === Infinity ? "latest" : `v1.${minor}`}`;
}

export function isSameLevel(left: LevelVersion, right: LevelVersion): boolean {
  return left.level === right.level && left.minor === right.minor;
}

function isLevel(text: string): text is Level {
  return (LEVELS as readonly string[]).includes(text);
}

function parseVersion(text: string): number | undefined {
  if (text === "latest") return Infinity;
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}
