type Json = Readonly<Record<string, unknown>>;

/**
 * The status of the review that another server has answered; empty when it says nothing. Throws for what is no review, as upstream's
 * decoder does: a word that cannot be read is a failure, which may be to refuse, and not the lack of an opinion.
 */
export function reviewStatus(answer: unknown): Json {
  if (!isObject(answer)) throw new Error("the answer is no object");
  const status = answer["status"] ?? {};
  if (!isObject(status)) throw new Error("status: must be an object");
  return status;
}

/** A flag of it, which is false when it is absent. Throws for what is none. */
export function reviewFlag(status: Json, name: string): boolean {
  const value = status[name] ?? false;
  if (typeof value !== "boolean") throw new Error(`status.${name}: must be true or false`);
  return value;
}

/** A text of it, which is empty when it is absent. Throws for what is none. */
export function reviewText(status: Json, name: string): string {
  const value = status[name] ?? "";
  if (typeof value !== "string") throw new Error(`status.${name}: must be a text`);
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
