import { createRequire } from "node:module";
import { describeError } from "../lib/log.ts";

const require = createRequire(import.meta.url);

/** Throws, saying what is right, for anything but an age recipient. */
export function checkRecipient(text: string): string {
  // Options are read at once, and few servers have this one: age and its curves are loaded for those only.
  const { Encrypter } = require("age-encryption") as typeof import("age-encryption");
  try {
    new Encrypter().addRecipient(text);
  } catch (error) {
    throw new Error(`must be an age recipient, such as age1… of age-keygen: ${describeError(error)}`, { cause: error });
  }
  return text;
}
