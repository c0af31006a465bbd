import type { PersistentVolumeClaimSpec } from "../types.ts";
import { fractionWarnings } from "./container-warnings.ts";

/** What is odd about the sizes that a claim asks for. */
export function claimSpecWarnings(spec: PersistentVolumeClaimSpec | undefined, at: string): string[] {
  return (["requests", "limits"] as const).flatMap((list) => fractionWarnings(spec?.resources?.[list]?.["storage"], `${at}.resources.${list}[storage]`));
}
