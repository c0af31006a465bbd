import { compareElements, isElement, printElement } from "./field-set-element.ts";

/**
 * A set of field paths, in the very form that managedFields store (FieldsV1): a tree of path elements in which `{}` is a path
 * of the set, and `"."` says that a node with children is one too. An empty root is the empty set. Immutable; operations share
 * whatever did not change and keep upstream's order of elements, so a set needs no encoding.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const EMPTY_SET: FieldSet = Object.freeze({});
const MEMBER: FieldSet = Object.freeze({});
const MEMBER_ONLY: FieldSet = Object.freeze({ ".": MEMBER });

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Below the root, a node without children is a path of the set: the same as having only ".". */
function spread(node: FieldSet): FieldSet {
  return isEmptySet(node) ? MEMBER_ONLY : node;
}

function folded(node: FieldSet): FieldSet {
  for (const element in node) if (element !== ".") return node;
  return MEMBER;
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right || isEmptySet(right)) return left;
  if (isEmptySet(left)) return right;
  let result: Record<string, FieldSet> | undefined;
  let grew = false;
  for (const element in right) {
    const theirs = right[element] as FieldSet; // own key
    const ours = left[element];
    if (ours === undefined) {
      (result ??= { ...left })[element] = theirs;
      grew = true;
    } else if (ours !== theirs && element !== ".") {
      const merged = folded(union(spread(ours), spread(theirs)));
      if (!sameNode(merged, ours)) (result ??= { ...left })[element] = merged;
    }
  }
  if (result === undefined) return left;
  return grew ? sortedShallow(result) : result;
}

/** The paths of `left` that `right` does not have. Children of a path in `right` stay. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  // Put together anew rather than thinned out: deleting properties makes objects slow.
  const result: Record<string, FieldSet> = {};
  let isChanged = false;
  for (const element in left) {
    const ours = left[element] as FieldSet; // own key
    const theirs = right[element];
    const rest = theirs === undefined ? undefined : element === "." ? EMPTY_SET : difference(spread(ours), spread(theirs));
    if (rest === undefined) result[element] = ours;
    else if (isEmptySet(rest)) isChanged = true;
    else {
      const kept = folded(rest);
      const isSame = sameNode(kept, ours);
      result[element] = isSame ? ours : kept;
      isChanged ||= !isSame;
    }
  }
  return isChanged ? result : left;
}

/** The paths of `left` that are neither in `right` nor below a path of `right`. */
export function withoutSubtrees(left: FieldSet, right: FieldSet): FieldSet {
  let result: Record<string, FieldSet> | undefined;
  for (const element in left) {
    const theirs = right[element];
    if (theirs === undefined) continue;
    const ours = left[element] as FieldSet; // own key
    const rest = spread(theirs)["."] === undefined ? withoutSubtrees(spread(ours), theirs) : EMPTY_SET;
    if (isEmptySet(rest)) delete (result ??= { ...left })[element];
    else if (rest !== ours) (result ??= { ...left })[element] = folded(rest);
  }
  return result ?? left;
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right) return left;
  const result: Record<string, FieldSet> = {};
  for (const element in left) {
    const theirs = right[element];
    if (theirs === undefined) continue;
    if (element === ".") {
      result[element] = MEMBER;
      continue;
    }
    const shared = intersection(spread(left[element] as FieldSet), spread(theirs)); // own key
    if (!isEmptySet(shared)) result[element] = folded(shared);
  }
  return result;
}

/** Whether every path of `left` is in `right`. */
export function isSubset(left: FieldSet, right: FieldSet): boolean {
  if (left === right) return true;
  for (const element in left) {
    const theirs = right[element];
    if (theirs === undefined) return false;
    if (element !== "." && !isSubset(spread(left[element] as FieldSet), spread(theirs))) return false; // own key
  }
  return true;
}

export function sameSet(left: FieldSet, right: FieldSet): boolean {
  return isSubset(left, right) && isSubset(right, left);
}

function sameNode(left: FieldSet, right: FieldSet): boolean {
  return left === right || (isEmptySet(left) && isEmptySet(right));
}

/** Whether the child is itself a path of the set. */
export function hasMember(set: FieldSet, element: string): boolean {
  const node = set[element];
  return node !== undefined && (isEmptySet(node) || node["."] !== undefined);
}

/** What the set says below one element; undefined when nothing is. A path of the set without children has nothing below it. */
export function below(set: FieldSet, element: string): FieldSet | undefined {
  const node = set[element];
  return node === undefined || isEmptySet(node) ? undefined : node;
}

/** The set with a child's node made a path of the set. */
export function asMember(node: FieldSet): FieldSet {
  return isEmptySet(node) || node["."] !== undefined ? node : { ".": MEMBER, ...node };
}

/** All paths as text, `.spec.containers[name="app"].image`; at each level first the paths that end there. */
export function printPaths(set: FieldSet): string[] {
  const paths: string[] = [];
  const visit = (node: FieldSet, prefix: string): void => {
    for (const element in node) if (element !== "." && hasMember(node, element)) paths.push(prefix + printElement(element));
    for (const element in node) {
      const children = element === "." ? undefined : below(node, element);
      if (children !== undefined) visit(children, prefix + printElement(element));
    }
  };
  visit(set, "");
  return paths;
}

/** A set of paths given as field names: `[["metadata", "name"], ["status"]]`. */
export function setOfFields(paths: readonly (readonly string[])[]): FieldSet {
  const builder = new FieldSetBuilder();
  for (const path of paths) builder.add(path.map((name) => `f:${name}`));
  return builder.build();
}

/** Reads FieldsV1 that came from outside: sorted, and without redundant nodes. Undefined when it is no field set. */
export function decodeFieldSet(value: unknown): FieldSet | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const known = decoded.get(value);
  if (known !== undefined) return known;
  const root = decodeNode(value as Readonly<Record<string, unknown>>);
  if (root === undefined) return undefined;
  const { ".": _, ...set } = root; // the empty path is never owned
  const result = Object.hasOwn(root, ".") ? set : root;
  if (Object.isFrozen(value)) decoded.set(value, result);
  return result;
}

/** Stored objects are frozen, so what was read from one of their entries stays true. */
const decoded = new WeakMap<object, FieldSet>();

function decodeNode(node: Readonly<Record<string, unknown>>): FieldSet | undefined {
  const result: Record<string, FieldSet> = {};
  for (const element in node) {
    if (element !== "." && !isElement(element)) return undefined;
    const child = node[element];
    if (typeof child !== "object" || child === null || Array.isArray(child)) return undefined;
    const decodedChild = element === "." ? MEMBER : decodeNode(child as Readonly<Record<string, unknown>>);
    if (decodedChild === undefined) return undefined;
    result[element] = folded(decodedChild);
  }
  return sortedShallow(result);
}

function sortedShallow(node: Record<string, FieldSet>): FieldSet {
  const elements = Object.keys(node);
  let isSorted = true;
  for (let i = 1; i < elements.length && isSorted; i++) isSorted = compareElements(elements[i - 1] as string, elements[i] as string) < 0;
  if (isSorted) return node;
  const sorted: Record<string, FieldSet> = {};
  for (const element of elements.sort(compareElements)) sorted[element] = node[element] as FieldSet; // one of its keys
  return sorted;
}

interface MutableNode {
  isMember: boolean;
  children: Map<string, MutableNode> | undefined;
}

/** Collects paths, in any order. */
export class FieldSetBuilder {
  readonly #root: MutableNode = { isMember: false, children: undefined };

  /** Adds the path of these elements; the empty path is ignored. */
  add(path: readonly string[]): void {
    let node = this.#root;
    for (const element of path) {
      const children = (node.children ??= new Map<string, MutableNode>());
      let child = children.get(element);
      if (child === undefined) children.set(element, (child = { isMember: false, children: undefined }));
      node = child;
    }
    node.isMember = true;
  }

  build(): FieldSet {
    return this.#root.children === undefined ? EMPTY_SET : frozenNode({ ...this.#root, isMember: false });
  }
}

function frozenNode(node: MutableNode): FieldSet {
  if (node.children === undefined) return MEMBER;
  const result: Record<string, FieldSet> = node.isMember ? { ".": MEMBER } : {};
  for (const [element, child] of node.children) result[element] = frozenNode(child);
  return sortedShallow(result);
}
