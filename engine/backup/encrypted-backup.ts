import { open, readFile, writeFile } from "node:fs/promises";
import { Decrypter, Encrypter } from "age-encryption";
import { parseAgeKeys } from "../gitops/sops/data-key.ts";

const MAGIC = "age-encryption.org/v1";

/** Encrypts a file to whoever holds the key of one of the recipients. */
export async function encryptFile(from: string, to: string, recipients: readonly string[]): Promise<void> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  await writeFile(to, await encrypter.encrypt(await readFile(from)), { mode: 0o600, flush: true });
}

/** Whether a file was written by `encryptFile`, or by age itself. */
export async function isEncrypted(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    return buffer.toString("latin1", 0, bytesRead) === MAGIC;
  } finally {
    await handle.close();
  }
}

/** Opens an encrypted file with the keys of a key file. Rejects when none of them fits. */
export async function decryptFile(from: string, to: string, keyFile: string | undefined): Promise<void> {
  if (keyFile === undefined) throw new Error(`${from} is encrypted: give the file with its age key as --age-key-file`);
  const keys = parseAgeKeys(await readFile(keyFile, "utf8"));
  if (keys.length === 0) throw new Error(`${keyFile} holds no age key; lines with one begin with AGE-SECRET-KEY-`);
  const decrypter = new Decrypter();
  for (const key of keys) decrypter.addIdentity(key);
  const content = await decrypter.decrypt(await readFile(from)).catch((error: unknown) => {
    throw new Error(`${from} cannot be opened with the keys of ${keyFile}`, { cause: error });
  });
  await writeFile(to, content, { mode: 0o600 });
}
