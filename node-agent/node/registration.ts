import { labelValueError, qualifiedNameError } from "../../engine/apimachinery/names.ts";
import { forbiddenNodeLabels } from "../../engine/resources/core/node-labels.ts";
import type { Taint } from "../../engine/resources/types.ts";

/** What the machine's Node is made with beside its name. Of a Node that is there already it is for others to change. */
export interface Registration {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** How the machine's provider calls it. */
  readonly providerId?: string | undefined;
  /** Whether the agent makes it; else it waits for somebody else to. */
  readonly makesNode: boolean;
}

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** `disk=ssd,topology.kubernetes.io/zone=a`. Throws an Error that names what is wrong, also labels that no node may give itself. */
export function parseNodeLabels(text: string): Readonly<Record<string, string>> {
  const labels = Object.fromEntries(
    partsOf(text).map((part) => {
      const [key = "", value = ""] = splitOnce(part, "=");
      const problem = qualifiedNameError(key) ?? labelValueError(value);
      if (problem !== undefined) throw new Error(`label "${part}": ${problem}`);
      return [key, value] as const;
    }),
  );
  const [forbidden] = forbiddenNodeLabels(labels, {});
  if (forbidden !== undefined) throw new Error(`label "${forbidden}": no node may give it to itself; set it with kubectl`);
  return labels;
}

/** `dedicated=ci:NoSchedule,spot:PreferNoSchedule`. Throws an Error that names what is wrong. */
export function parseTaints(text: string): readonly Taint[] {
  const seen = new Set<string>();
  return partsOf(text).map((part) => {
    const [named = "", effect = ""] = splitOnce(part, ":");
    const [key = "", value] = splitOnce(named, "=");
    const problem = qualifiedNameError(key) ?? labelValueError(value ?? "");
    if (problem !== undefined) throw new Error(`taint "${part}": ${problem}`);
    if (!EFFECTS.includes(effect)) throw new Error(`taint "${part}": it must end with one of :${EFFECTS.join(", :")}`);
    if (seen.has(`${key}:${effect}`)) throw new Error(`taint "${part}": there is another one with this key and effect`);
    seen.add(`${key}:${effect}`);
    return { key, ...(value === undefined ? {} : { value }), effect };
  });
}

function partsOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
