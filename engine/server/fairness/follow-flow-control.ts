import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { flowSchemaResource } from "../../resources/flowcontrol/flow-schema.ts";
import { priorityLevelConfigurationResource } from "../../resources/flowcontrol/priority-level-configuration.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { Fairness } from "./fairness.ts";

/** Keeps the order of requests as its objects say, from now on. */
export function followFlowControl(store: ObjectStore, fairness: Fairness): void {
  const schemas = keepAll(store, flowSchemaResource, () => apply());
  const levels = keepAll(store, priorityLevelConfigurationResource, () => apply());
  const apply = () => fairness.configure([...schemas.values()], [...levels.values()]);
  apply();
}

/** All objects of a kind by name. `changed` is called for later changes, not for what is there at once. */
function keepAll<T extends KubeObject>(store: ObjectStore, definition: ResourceDefinition<T>, changed: () => void): ReadonlyMap<string, T> {
  const objects = new Map<string, T>();
  let isStarted = false;
  store.follow(definition, {
    replaced(all) {
      objects.clear();
      for (const object of all) objects.set(object.metadata.name ?? "", object);
      if (isStarted) changed();
    },
    changed(object, wasDeleted) {
      if (wasDeleted) objects.delete(object.metadata.name ?? "");
      else objects.set(object.metadata.name ?? "", object);
      changed();
    },
  });
  isStarted = true;
  return objects;
}
