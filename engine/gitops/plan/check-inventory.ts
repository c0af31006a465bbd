import { STORED_BYTES_MAX } from "../../apimachinery/stored-size.ts";
import type { Application } from "../../resources/types.ts";
import type { DesiredState } from "../manifests/desired-state.ts";
import { objectsByUnit, perUnit } from "../manifests/objects-by-unit.ts";
import type { Problem } from "../manifests/problem.ts";
import { foreignEntries } from "../sync/inventory.ts";

/** What an Application says besides what it holds. */
const REST_BYTES = 128 << 10;
const NO_WORDS = { group: "", version: "", kind: "", namespace: "", name: "" };
/** What is around the words of an entry. */
const ENTRY_BYTES = JSON.stringify(NO_WORDS).length + 1;
const CONFIDENTIAL_BYTES = JSON.stringify({ ...NO_WORDS, confidential: true }).length + 1;
const INVENTORY_BYTES_MAX = STORED_BYTES_MAX - REST_BYTES;

/** Applications that would hold more objects than one of them can name: nothing of them could be applied, for what is not named is never pruned. */
export function checkInventories(state: Pick<DesiredState, "units" | "objects">, applications: readonly Application[]): readonly Problem[] {
  const lists = objectsByUnit(state.objects);
  const held = new Map(applications.map((application) => [application.metadata.name, application]));
  return state.units.flatMap(({ name }) => {
    const objects = lists.get(name);
    const [first] = objects ?? [];
    if (objects === undefined || first === undefined) return [];
    const application = held.get(name);
    const leaving = application === undefined ? [] : foreignEntries(application, objects);
    if (
      inventoryBytes(objects).bytes +
        leaving.reduce((bytes, { entry: one }) => bytes + bytesOf(one.confidential === true, one.group, one.version, one.kind, one.namespace, one.name), 0) <=
      INVENTORY_BYTES_MAX
    )
      return [];
    const count = `${objects.length} objects${leaving.length === 0 ? "" : `, and ${leaving.length} that leave,`}`;
    return [
      { file: first.file, line: first.line, message: `${count} are more than application ${name} can hold; put them into the folders of several applications` },
    ];
  });
}

const inventoryBytes = perUnit((objects) => ({
  bytes: objects.reduce(
    (bytes, { resource, object: { metadata }, isConfidential }) =>
      bytes + bytesOf(isConfidential === true, resource.group, resource.version, resource.kind, metadata.namespace, metadata.name),
    0,
  ),
}));

/** Of an entry as JSON: all of its words are ASCII. */
function bytesOf(isConfidential: boolean, ...words: readonly (string | undefined)[]): number {
  return words.reduce((bytes, word) => bytes + (word?.length ?? 0), isConfidential ? CONFIDENTIAL_BYTES : ENTRY_BYTES);
}
