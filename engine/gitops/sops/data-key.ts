import { armor, Decrypter } from "age-encryption";
import type { SopsMetadata } from "./sops-metadata.ts";
import { SopsError } from "./sops-error.ts";

/** Private keys (`AGE-SECRET-KEY-…`), as a key file lists them among comments. */
export function parseAgeKeys(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => /^AGE-SECRET-KEY-/.test(line));
}

/** The key that a file's values are encrypted with, opened with the first age key that fits. */
export async function openDataKey(metadata: SopsMetadata, keys: readonly string[]): Promise<Buffer> {
  const recipients = metadata.age.map((entry) => entry.recipient).join(", ");
  if (metadata.age.length === 0) throw new SopsError("the file is not encrypted to an age key; add one with sops updatekeys");
  if (keys.length === 0)
    throw new SopsError(
      `the file is encrypted to ${recipients}, and there is no age key here: start with --sops-age-key-file, or keep the key in the Secret that --sops-age-secret names`,
    );
  for (const entry of metadata.age) {
    try {
      const decrypter = new Decrypter();
      for (const key of keys) decrypter.addIdentity(key);
      const opened = Buffer.from(await decrypter.decrypt(armor.decode(entry.enc)));
      if (opened.length === 32) return opened;
    } catch {
      // Encrypted to someone else, or damaged: another entry may fit.
    }
  }
  throw new SopsError(`the file is encrypted to ${recipients}; none of the ${keys.length} age keys here belongs to that`);
}
