import { jsonEqual } from "../../lib/freeze.ts";
import type { Toleration } from "../../resources/types.ts";

/** Both lists as one, without those that another covers; of two that say the same the first stays. Pure; the rules are upstream's. */
export function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): readonly Toleration[] {
  const all = [...first, ...second];
  const merged: Toleration[] = [];
  for (const [index, toleration] of all.entries()) {
    const isRedundant =
      merged.some((other) => covers(other, toleration)) || all.slice(index + 1).some((other) => !jsonEqual(other, toleration) && covers(other, toleration));
    if (!isRedundant) merged.push(toleration);
  }
  return merged;
}

/** Whether the one tolerates all that the other does. Who names no operator is asked for by that very toleration only, as upstream has it. */
export function covers(wide: Toleration, narrow: Toleration): boolean {
  if (jsonEqual(wide, narrow)) return true;
  const isOfAllKeys = !wide.key && wide.operator === "Exists";
  if (!isOfAllKeys && (wide.key ?? "") !== (narrow.key ?? "")) return false;
  if (wide.effect && wide.effect !== narrow.effect) return false;
  if (
    wide.effect === "NoExecute" &&
    wide.tolerationSeconds !== undefined &&
    (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds)
  )
    return false;
  if (!wide.operator || wide.operator === "Equal") return narrow.operator === "Equal" && (wide.value ?? "") === (narrow.value ?? "");
  return wide.operator === "Exists";
}
