/** The words that an operation's name may begin with; group and version are put behind it. */
const VERB = /^(get|read|replace|patch|delete|watch|connect|list|create)/;

/** `listNamespacedPod` in core/v1 is `listCoreV1NamespacedPod`: generators of clients make their methods' names of these. */
export function operationId(name: string, group: string, version = ""): string {
  const verb = VERB.exec(name)?.[0] ?? "";
  return `${verb}${camelCase(shortGroup(group), true)}${camelCase(version, true)}${camelCase(name.slice(verb.length), true)}`;
}

/** `apps_v1`, `rbacAuthorization_v1`: the tag of a group in one version, by which generators make classes; without a version that of the group itself. */
export function groupWords(group: string, version?: string): string {
  return `${camelCase(shortGroup(group), false)}${version === undefined ? "" : `_${camelCase(version, false)}`}`;
}

function shortGroup(group: string): string {
  return group === "" ? "core" : group.replace(/\.k8s\.io$/, "");
}

/** What is neither letter nor digit goes, and raises the letter behind it. */
function camelCase(text: string, raisesFirst: boolean): string {
  let raises = raisesFirst;
  let out = "";
  for (const [index, character] of [...text].entries()) {
    if (!/[\p{L}_]/u.test(character) && (index === 0 || !/\p{Nd}/u.test(character))) {
      raises = true;
      continue;
    }
    out += raises ? character.toUpperCase() : character;
    raises = false;
  }
  return out;
}
