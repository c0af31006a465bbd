import { createHash } from "node:crypto";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { deepFreeze } from "../../lib/freeze.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { CommitInfo } from "../git/git-source.ts";
import type { EncryptedInput } from "./assemble-unit.ts";
import { readOrder, type ObjectOrder } from "./object-order.ts";
import { isAppliedOnce } from "./object-policies.ts";
import type { LocateField, ParsedObject, Place } from "./parse-manifests.ts";
import type { Problem } from "./problem.ts";
import type { RepositoryConfig } from "./repository-config.ts";
import type { Unit } from "./resolve-units.ts";
import { identityOf } from "./served-kinds.ts";
import type { Substitution } from "./substitute-variables.ts";

/** The unit that an object belongs to, on the object itself. */
export const APPLICATION_LABEL = "mainstay.dev/application";
/** The namespace of the preview that something belongs to, on its namespace, its Applications and its objects. */
export const PREVIEW_LABEL = "mainstay.dev/preview";
/** On Applications and Repository objects of further repositories: its name. */
export const REPOSITORY_LABEL = "mainstay.dev/repository";
/** `path:line` of the manifest, `source//path:line` when it is in a further repository. Not the commit: an unrelated commit must not rewrite objects. */
export const SOURCE_ANNOTATION = "mainstay.dev/source";
/** The application's drift policy, for admission. */
export const DRIFT_ANNOTATION = "mainstay.dev/drift";
export const INTENT_ANNOTATION = "mainstay.dev/intent";
/** The name under which everything from Git is applied. */
export const FIELD_MANAGER = "mainstay";

/** One object as the repository wants it. */
export interface DesiredObject {
  /** Group, kind, namespace and name; the version does not matter. */
  readonly identity: string;
  readonly unit: string;
  readonly file: string;
  readonly line: number;
  readonly blob: string;
  readonly place: Place;
  /** Where each field was written, when that is not simply a line of `file`. */
  readonly locate?: LocateField;
  /** It was written in an encrypted file: none of its values may be shown. */
  readonly isConfidential?: boolean;
  readonly resource: ResourceDefinition;
  readonly order: ObjectOrder;
  /** What the file calls a hook that runs; its object's name changes with what it is a hook of. */
  readonly hookName?: string;
  /** The intent that is applied, with namespace, label and annotation. Frozen. */
  readonly object: KubeObject;
  /** Changes exactly when the intent does. */
  readonly digest: string;
}

/** A whole commit, read. It may be applied only when there are no problems. */
export interface DesiredState {
  readonly commit: CommitInfo;
  readonly config: RepositoryConfig;
  readonly units: readonly Unit[];
  readonly objects: ReadonlyMap<string, DesiredObject>;
  readonly problems: readonly Problem[];
  readonly notices: readonly string[];
  /** Where the values of variables were put, by application. */
  readonly substitutions: ReadonlyMap<string, readonly Substitution[]>;
  /** The encrypted files that it was made from, by application. */
  readonly encrypted: ReadonlyMap<string, readonly EncryptedInput[]>;
  /** Set where encrypted files were not opened: what cannot be told apart from what runs without doing so, and is not looked at. */
  readonly withheld?: ReadonlySet<string>;
}

/** An object of a file as its unit wants it, or why that cannot be. Only hooks can be left out. */
export function toDesiredObject(parsed: ParsedObject, unit: Unit, file: string, blob: string): DesiredObject | Problem | LeftOut {
  const { object, resource } = parsed;
  const { metadata } = object;
  const reading = readOrder(object);
  if (reading.is === "left out") return { leftOut: `${file}:${parsed.line} ${reading.why}` };
  if (reading.is === "faulty") return { file, line: parsed.line, ...reading.problem };
  if (!resource.namespaced && metadata.namespace !== undefined)
    return { file, line: parsed.line, field: "metadata.namespace", message: `${resource.kind} objects belong to the whole cluster and have no namespace` };
  const namespace = resource.namespaced ? (metadata.namespace ?? unit.namespace ?? "default") : undefined;
  const intent: KubeObject = {
    ...withoutGatheredRules(object),
    metadata: {
      ...metadata,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...metadata.labels, [APPLICATION_LABEL]: unit.name },
      annotations: {
        ...metadata.annotations,
        [SOURCE_ANNOTATION]: `${unit.source === undefined ? "" : `${unit.source}//`}${file}:${parsed.line}`,
        ...driftMarks(object, unit),
      },
    },
  };
  return {
    identity: identityOf(resource.group, resource.kind, namespace, metadata.name ?? ""),
    unit: unit.name,
    file,
    line: parsed.line,
    blob,
    place: parsed.place,
    resource,
    order: reading.order,
    ...(parsed.locate === undefined ? {} : { locate: parsed.locate }),
    ...(parsed.isConfidential === true ? { isConfidential: true } : {}),
    object: deepFreeze(intent),
    digest: createHash("sha1").update(JSON.stringify(intent)).digest("base64"),
  };
}

/** The rules of a role that is put together from others are the controller's; many files state them as an empty list. */
function withoutGatheredRules(object: KubeObject): KubeObject {
  if (object.kind !== "ClusterRole" || !("aggregationRule" in object) || !("rules" in object)) return object;
  const { rules: _rules, ...role } = object;
  return role;
}

/** A manifest that means nothing here, and why. */
export interface LeftOut {
  readonly leftOut: string;
}

export function isLeftOut(value: DesiredObject | Problem | LeftOut): value is LeftOut {
  return "leftOut" in value;
}

/**
 * `refuse` is read by admission. Where drift stays, the object carries what the repository wanted when it was last applied: only that
 * tells, also after a restart, whether a difference is someone's change or a new commit.
 */
function driftMarks(object: KubeObject, { drift }: Unit): Readonly<Record<string, string>> {
  // What is only made once is everyone's afterwards.
  if (drift === undefined || drift === "revert" || isAppliedOnce(object)) return {};
  if (drift === "refuse") return { [DRIFT_ANNOTATION]: drift };
  return { [DRIFT_ANNOTATION]: drift, [INTENT_ANNOTATION]: createHash("sha1").update(JSON.stringify(object)).digest("base64url") };
}

export function isProblem(value: DesiredObject | Problem | LeftOut): value is Problem {
  return "message" in value;
}

/** `Deployment web/web`, as plans and messages name objects. */
export function describeDesired(desired: Pick<DesiredObject, "object">): string {
  const { kind, metadata } = desired.object;
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name ?? ""}`;
}
