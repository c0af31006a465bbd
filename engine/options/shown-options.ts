import { withoutCredentials } from "../lib/without-credentials.ts";
import { environmentName, isPlain, isSwitch, serverOptions } from "./config.ts";
import { flagKey } from "./flag-names.ts";
import { idleOptions } from "./idle-options.ts";

/** Options whose value lets somebody in. */
const SECRETS: ReadonlySet<string> = new Set(["token"]);

/**
 * What the server was started with, by the names of its options: every one that has a value, also by the environment or by default.
 * Addresses are shown without the credentials in them.
 */
export function shownOptions(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const row of serverOptions) {
    const key = flagKey(row.flags);
    const isNegated = isSwitch(row);
    const name = row.flags.replace(/^--(?:no-)?/, "").split(" ")[0] ?? key;
    const fromEnvironment = environment[environmentName(row)];
    // Of a switch the environment says one word, whichever else it may hold.
    const given =
      flags[key] ??
      (fromEnvironment === undefined ? undefined : isNegated ? fromEnvironment !== "true" : isPlain(row) ? fromEnvironment === "true" : fromEnvironment);
    const value = given ?? (isNegated ? true : isPlain(row) ? false : row.default);
    if (value !== undefined) shown[name] = SECRETS.has(key) ? "CLASSIFIED" : withoutCredentials(String(value));
  }
  for (const { flag } of idleOptions) {
    const given = flags[flagKey(flag)];
    if (given !== undefined) shown[flag] = String(given);
  }
  return shown;
}
