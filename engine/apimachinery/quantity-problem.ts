const QUANTITY = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
export const NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** What upstream's reader says of a value that is no quantity; undefined for one that is. Blanks around a text are nothing to it. */
export function quantityProblem(value: unknown): string | undefined {
  const parts = QUANTITY.exec(typeof value === "string" ? value.trim() : JSON.stringify(value));
  if (parts === null) return NO_QUANTITY;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(parts[1] ?? "")) return NO_QUANTITY;
  return /^([numkMGTPE]?|[KMGTPE]i|[eE][+-]?\d+)$/.test(parts[2] ?? "") ? undefined : "unable to parse quantity's suffix";
}
