import { NODES_GROUP } from "../../apimachinery/known-users.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import type { Clock } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { applicationResource } from "../../resources/mainstay/application.ts";
import { GitFieldWriters } from "./git-field-writers.ts";
import type { AdmissionAttributes, AdmissionPlugin, AdmissionReader } from "../admission.ts";

const APPLICATION_LABEL = "mainstay.dev/application";
const SOURCE_ANNOTATION = "mainstay.dev/source";
/** Put on objects of applications whose policy it is that only Git changes what Git says. */
const DRIFT_ANNOTATION = "mainstay.dev/drift";
const GIT_MANAGER = "mainstay";

/** Where a field of an object is written, as `file:line`; items of lists are named by their keys. Undefined: it is not known here. */
export type LocateGitField = (object: KubeObject, steps: readonly string[]) => Promise<string | undefined>;

/** Asks whoever follows the repository in this process; elsewhere objects tell where they themselves come from, and no more. */
export class GitFieldPlaces {
  /** Who wrote to them by hand. */
  readonly writers = new GitFieldWriters();
  #locate: LocateGitField = async () => undefined;

  provide(locate: LocateGitField): void {
    this.#locate = locate;
  }

  of(object: KubeObject, steps: readonly string[]): Promise<string | undefined> {
    return this.#locate(object, steps);
  }
}

/**
 * Refuses changes of fields that the repository states, with the place to edit instead, where the application's policy is `refuse`.
 * Everything the repository does not state stays free, and so does everything while someone holds the application or the object. `exempt`
 * are users, and groups of users, that act for the cluster: they bring about what Git asks for.
 */
export const gitOwnedFields = (clock: Clock, exempt: ReadonlySet<string>, places = new GitFieldPlaces()): AdmissionPlugin => ({
  name: "GitOwnedFields",
  async validate(attributes, reader) {
    const { operation, old, object, user, subresource, definition, namespace, name } = attributes;
    if (
      old?.metadata.labels?.[APPLICATION_LABEL] === undefined ||
      (subresource !== undefined && subresource !== "scale") ||
      exempt.has(user.username) ||
      user.groups.some((group) => exempt.has(group)) ||
      user.groups.includes(NODES_GROUP)
    )
      return;
    if (operation !== "UPDATE" && operation !== "DELETE") return;
    if (old.metadata.deletionTimestamp !== undefined) return;
    const changed = operation === "DELETE" || object === undefined ? [] : subresource === "scale" ? ["f:spec", "f:replicas"] : changedField(old, object);
    if (changed === undefined) return;
    if (old.metadata.annotations?.[DRIFT_ANNOTATION] !== "refuse" || (await isHeld(attributes, old, reader, clock.now()))) {
      if (attributes.isDryRun !== true) places.writers.note({ group: definition.group, kind: definition.kind, namespace, name }, user.username);
      return;
    }
    const application = old.metadata.labels?.[APPLICATION_LABEL] ?? "";
    const place =
      (changed.length === 0 ? undefined : await places.of(old, changed.map(stepOf))) ?? old.metadata.annotations[SOURCE_ANNOTATION] ?? "the repository";
    throw new StatusError(
      "Forbidden",
      `${changed.length === 0 ? `${old.kind} ${old.metadata.name ?? ""}` : labelOf(changed)} comes from Git: edit ${place} and push; in an emergency, hold it first: mainstay hold ${application} 1h`,
    );
  },
});

/** The way to the first field of the repository's that differs, as field sets write it; undefined when there is none. */
function changedField(old: KubeObject, next: KubeObject): readonly string[] | undefined {
  const owned = (old.metadata.managedFields ?? []).find(
    (entry) => entry.manager === GIT_MANAGER && entry.operation === "Apply" && entry.subresource === undefined,
  )?.fieldsV1;
  return owned === undefined ? undefined : compare(owned, old, next, []);
}

/** Walks a set of fields (`f:name`, `k:{…}`, `v:…`, `.`) down both objects. */
function compare(fields: Readonly<Record<string, unknown>>, old: unknown, next: unknown, at: readonly string[]): readonly string[] | undefined {
  const steps = Object.entries(fields).filter(([key]) => key !== ".");
  // What is owned as a whole: a leaf, a list without keys.
  if (steps.length === 0) return jsonEqual(old, next) ? undefined : at;
  for (const [key, inner] of steps) {
    const found = compare(inner as Readonly<Record<string, unknown>>, childOf(old, key), childOf(next, key), [...at, key]); // fieldsV1 is a tree of objects
    if (found !== undefined) return found;
  }
  return undefined;
}

function childOf(value: unknown, key: string): unknown {
  const text = key.slice(2);
  if (key.startsWith("f:")) return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[text] : undefined;
  if (!Array.isArray(value)) return undefined;
  const wanted: unknown = JSON.parse(text);
  if (key.startsWith("v:")) return value.find((item) => jsonEqual(item, wanted));
  const keys = Object.entries(wanted as Record<string, unknown>); // a `k:` element is an object of keys
  return value.find((item) => keys.every(([name, expected]) => jsonEqual(withDefault(name, (item as Record<string, unknown> | null)?.[name]), expected)));
}

/** Ports are told apart by a protocol that may be left out. */
function withDefault(name: string, value: unknown): unknown {
  return name === "protocol" && value === undefined ? "TCP" : value;
}

function labelOf(way: readonly string[]): string {
  return way.reduce((at, key) => (key.startsWith("f:") ? `${at}${at === "" ? "" : "."}${key.slice(2)}` : `${at}[${keyValues(key).join(",")}]`), "");
}

/** The name of a field, or what an item is told apart by. */
function stepOf(key: string): string {
  return key.startsWith("f:") ? key.slice(2) : String(keyValues(key)[0]);
}

function keyValues(key: string): readonly unknown[] {
  const value: unknown = JSON.parse(key.slice(2));
  return key.startsWith("v:") ? [value] : Object.values(value as Record<string, unknown>); // as above
}

async function isHeld({ namespace }: AdmissionAttributes, old: KubeObject, reader: AdmissionReader, now: number): Promise<boolean> {
  const application = await reader.get(applicationResource, "", old.metadata.labels?.[APPLICATION_LABEL] ?? "");
  return (application?.spec?.holds ?? []).some(
    (hold) =>
      Date.parse(hold.until) > now &&
      (hold.object === undefined ||
        hold.object === `${old.kind}/${old.metadata.name ?? ""}` ||
        hold.object === `${old.kind}/${namespace}/${old.metadata.name ?? ""}`),
  );
}
