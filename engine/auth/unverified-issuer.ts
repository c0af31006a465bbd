import { loadJose } from "../lib/late-modules.ts";

/** Who says to have issued a JSON web token, which nobody has checked; undefined for what is none. */
export function unverifiedIssuer(token: string): string | undefined {
  // Tokens of other kinds are looked at with each request, and the library's errors are dear.
  if (token.split(".", 4).length !== 3) return undefined;
  try {
    return loadJose().decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
