import { promises as fs } from "node:fs";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { secretResource } from "../../resources/core/secret.ts";
import { parseAgeKeys } from "../sops/data-key.ts";

export interface AgeKeySources {
  /** A file as `age-keygen` writes it; read anew each time, so that a key can be added without a restart. */
  readonly file: string | undefined;
  /** `namespace/name` of a Secret; every entry of it may hold keys. */
  readonly secret: string;
}

/** The age keys of the cluster, as they are now. A source that is not there has none; the message about the file says so. */
export async function readAgeKeys(client: Client, sources: AgeKeySources): Promise<readonly string[]> {
  const [namespace = "", name = ""] = sources.secret.split("/");
  const texts: string[] = [];
  if (sources.file !== undefined) texts.push(await fs.readFile(sources.file, "utf8"));
  try {
    const secret = await client.for(secretResource).get(namespace, name);
    for (const value of Object.values(secret.data ?? {})) texts.push(Buffer.from(value, "base64").toString("utf8"));
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
  }
  return [...new Set(texts.flatMap(parseAgeKeys))];
}
