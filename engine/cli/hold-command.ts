import os from "node:os";
import path from "node:path";
import { hasReason } from "../apimachinery/status-error.ts";
import type { Client } from "../client/client.ts";
import { createHttpClient } from "../client/http-client.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { UsageError } from "../options/config.ts";
import { parseDurationMs } from "../gitops/manifests/duration.ts";
import { activeHolds, describeHold } from "../gitops/plan/restraints.ts";
import { formatTime, systemClock } from "../lib/clock.ts";
import { applicationResource } from "../resources/mainstay/application.ts";
import type { Application, ApplicationHold } from "../resources/types.ts";

export interface HoldFlags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly object?: string;
  readonly field?: string;
  readonly reason?: string;
  readonly release?: boolean;
}

/** A hold that never ends is a repository that does not say what runs. */
const DURATION_MAX_MS = 30 * 24 * 3_600_000;
const TRIES_MAX = 5;

/** `mainstay hold`: keeps an application, an object or a field as it is for a while, whatever the repository says; or releases it. */
export async function runHoldCommand(name: string, duration: string, flags: HoldFlags, output: { write(text: string): unknown }): Promise<void> {
  const client = createHttpClient(readKubeconfig(flags.kubeconfig ?? path.join(flags.dataDir, "kubeconfig.yaml")), "mainstay-hold");
  const now = systemClock.now();
  for (let tries = 1; ; tries++) {
    const application = await findApplication(client, name);
    const { holds, told } = changeHolds(application.spec?.holds ?? [], duration, { ...flags, by: os.userInfo().username }, now);
    try {
      await client.for(applicationResource).update({ ...application, spec: { ...application.spec, holds } });
      output.write(`${name}: ${told}\n`);
      return;
    } catch (error) {
      if (!hasReason(error, "Conflict") || tries >= TRIES_MAX) throw error;
    }
  }
}

/** The holds after the command, without those that have run out. Pure. Throws a UsageError. */
export function changeHolds(
  before: readonly ApplicationHold[],
  duration: string,
  flags: Pick<HoldFlags, "object" | "field" | "reason" | "release"> & { readonly by: string },
  now: number,
): { readonly holds: readonly ApplicationHold[]; readonly told: string } {
  const { object, field, reason, release, by } = flags;
  const others = activeHolds(before, now).filter((hold) => hold.object !== object || hold.field !== field);
  if (release === true) return { holds: others, told: "released" };
  const ms = parseDurationMs(duration);
  if (ms === undefined || ms === 0 || ms > DURATION_MAX_MS) throw new UsageError(`${duration} must be a time such as 30m, 4h or 1h30m, at most 720h`);
  if (object !== undefined && !/^[A-Z][A-Za-z]*(\/[a-z0-9.-]+){1,2}$/.test(object)) throw new UsageError(`${object} must be Kind/name or Kind/namespace/name`);
  const hold: ApplicationHold = {
    ...(object === undefined ? {} : { object }),
    ...(field === undefined ? {} : { field }),
    until: formatTime(now + ms),
    by,
    ...(reason === undefined ? {} : { reason }),
  };
  return { holds: [...others, hold], told: describeHold(hold) };
}

async function findApplication(client: Client, name: string): Promise<Application> {
  try {
    return await client.for(applicationResource).get("", name);
  } catch (error) {
    if (!hasReason(error, "NotFound")) throw error;
    const { items } = await client.for(applicationResource).list("");
    throw new UsageError(`there is no application ${name}; there are: ${items.map((item) => item.metadata.name).join(", ") || "none"}`);
  }
}
