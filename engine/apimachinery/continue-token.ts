import { badRequest, StatusError } from "./status-error.ts";

/** Where a paged list goes on: after `afterKey`, at `revision`, or at the newest revision when that one is gone. */
export interface ContinueToken {
  /** -1: whatever revision is the newest, at the price of a list that is not of one moment. */
  readonly revision: number;
  /** The last key given, relative to the list's prefix. */
  readonly afterKey: string;
}

const VERSION = "meta.k8s.io/v1";
const MISMATCH = "continue key is not valid";

/** Opaque to clients; upstream's form, base64url of `{v, rv, start}`. The start is the first possible key after the last one given. */
export function encodeContinueToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: VERSION, rv: token.revision, start: `${token.afterKey}\0` })).toString("base64url");
}

/** Throws upstream's 400 for text that `encodeContinueToken` did not make. */
export function decodeContinueToken(text: string): ContinueToken {
  const odd = /[^A-Za-z0-9_-]/.exec(text);
  if (odd !== null || text.length % 4 === 1) throw invalidToken(`${MISMATCH}: illegal base64 data at input byte ${odd?.index ?? text.length - 1}`);
  const json = Buffer.from(text, "base64url").toString("utf8");
  let fields: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== "object" || parsed === null) throw new SyntaxError("not an object");
    fields = parsed;
  } catch {
    const first = json.trimStart()[0];
    throw invalidToken(
      `${MISMATCH}: ${first === undefined ? "unexpected end of JSON input" : first === "{" ? "the JSON text is malformed" : `invalid character '${first}' looking for beginning of value`}`,
    );
  }
  const { v, rv, start } = fields;
  if (v !== VERSION) throw invalidToken(`${MISMATCH}: server does not recognize this encoded version ${String(v ?? "")}`);
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0)
    throw invalidToken(`${MISMATCH}: incorrect encoded start resourceVersion (version ${VERSION})`);
  if (typeof start !== "string" || start.length === 0) throw invalidToken(`${MISMATCH}: encoded start key empty (version ${VERSION})`);
  if (start.split("/").some((part) => part === "." || part === "..")) throw invalidToken(`${MISMATCH}: ${start}`);
  return { revision: rv, afterKey: start.endsWith("\0") ? start.slice(0, -1) : start };
}

/** The 410 for a token whose revision has been compacted; its own continue token goes on at the newest revision. */
export function expiredContinueToken(token: ContinueToken): StatusError {
  const message =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
  return new StatusError("Expired", message, undefined, { continue: encodeContinueToken({ ...token, revision: -1 }) });
}

function invalidToken(why: string): StatusError {
  return badRequest(`invalid continue token: ${why}`);
}
