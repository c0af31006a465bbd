import { readFileSync } from "node:fs";
import type { WebhookTarget } from "../auth/authentication/token-webhook.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import type { Egress } from "../apimachinery/egress.ts";
import { UsageError } from "./config.ts";

/** What the file of an option means; undefined where none is named. Throws a UsageError that names option and file. */
export function readOption<T>(flag: string, file: string | undefined, parse: (text: string) => T): T | undefined {
  return file === undefined ? undefined : about(flag, file, () => parse(readFileSync(file, "utf8")));
}

/** The server that an option's kubeconfig names, and how to be let in: one of the control plane. */
export function webhookTarget(flag: string, file: string, egress: Egress | undefined): WebhookTarget {
  return about(flag, file, () => {
    const { server, ...credentials } = readKubeconfig(file);
    return { url: server, ...credentials, dial: egress?.get("controlplane") };
  });
}

function about<T>(flag: string, file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`${flag} "${file}": ${error instanceof Error ? error.message : String(error)}`);
  }
}
