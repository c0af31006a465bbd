import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Client } from "../../client/client.ts";
import { sleep } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { service, type Service } from "../../lib/service.ts";
import { apiServiceResource } from "../../resources/apiregistration/api-service.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { APIService } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";

/** A kind that another server keeps, as far as it can be addressed. */
export interface RemoteKind extends ResourceReference<KubeObject> {
  readonly verbs: readonly string[];
}

/** What the servers behind the API keep, and which of them could not be asked. */
export interface RemoteFindings {
  readonly kinds: readonly RemoteKind[];
  readonly failures: readonly { readonly groupVersion: string; readonly message: string }[];
}

/** Upstream's interval at which the garbage collector asks what is served. */
const REFRESH_MS = 30_000;

/** Asks every server behind the API what it keeps. A kind is addressed by the most important version that has it. */
export async function findRemoteKinds(client: Client, services: readonly APIService[]): Promise<RemoteFindings> {
  const remote = services.filter(({ spec }) => spec.service !== undefined).sort((a, b) => b.spec.versionPriority - a.spec.versionPriority);
  const answers = await Promise.all(remote.map((api) => kindsOf(client, api)));
  const kinds = new Map<string, RemoteKind>();
  for (const kind of answers.flatMap((answer) => answer.kinds)) {
    const key = `${kind.resource}.${kind.group}`;
    if (!kinds.has(key)) kinds.set(key, kind);
  }
  return { kinds: [...kinds.values()], failures: answers.flatMap(({ failures }) => failures).sort((a, b) => (a.groupVersion < b.groupVersion ? -1 : 1)) };
}

/** What other servers answer for, as `group/version`, whether they can be reached or not. */
export function takenVersions(services: readonly APIService[]): ReadonlySet<string> {
  return new Set(services.filter(({ spec }) => spec.service !== undefined).map(({ spec }) => formatApiVersion(spec.group ?? "", spec.version ?? "")));
}

async function kindsOf(client: Client, { spec, status }: APIService): Promise<RemoteFindings> {
  const { group = "", version = "" } = spec;
  const groupVersion = formatApiVersion(group, version);
  if (!isConditionTrue(status?.conditions, "Available"))
    return { kinds: [], failures: [{ groupVersion, message: `stale GroupVersion discovery: ${groupVersion}` }] };
  try {
    const { resources = [] } = (await client.read(`/apis/${groupVersion}`)) as { readonly resources?: readonly Readonly<Record<string, unknown>>[] }; // an APIResourceList, by protocol
    const named = resources.filter(({ name, kind }) => typeof name === "string" && !name.includes("/") && typeof kind === "string");
    return {
      kinds: named.map((entry) => ({
        group,
        version,
        resource: String(entry["name"]),
        kind: String(entry["kind"]),
        namespaced: entry["namespaced"] === true,
        verbs: Array.isArray(entry["verbs"]) ? entry["verbs"].map(String) : [],
      })),
      failures: [],
    };
  } catch (error) {
    return { kinds: [], failures: [{ groupVersion, message: describeError(error) }] };
  }
}

/** The kinds of other servers, asked for anew whenever a server comes, goes or becomes reachable, and at intervals. */
export class RemoteKinds {
  readonly #context: Pick<ControllerContext, "client" | "informers" | "clock" | "logger">;
  readonly #listeners: ((kinds: readonly RemoteKind[]) => void)[] = [];
  #kinds: readonly RemoteKind[] = [];

  constructor(context: Pick<ControllerContext, "client" | "informers" | "clock" | "logger">) {
    this.#context = context;
  }

  /** Calls with all kinds now and whenever they may have changed. */
  onChange(listener: (kinds: readonly RemoteKind[]) => void): void {
    this.#listeners.push(listener);
    listener(this.#kinds);
  }

  asService(): Service {
    return service("remote-kinds", (signal) => this.#run(signal));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, informers } = this.#context;
    const services = informers.informer(apiServiceResource);
    let changed = new AbortController();
    const touch = ({ spec }: APIService): void => {
      if (spec.service !== undefined) changed.abort();
    };
    const disconnect = services.addHandler({ add: touch, update: (old, service) => (touch(old), touch(service)), delete: touch });
    try {
      await services.waitForSync(signal);
      while (!signal.aborted) {
        changed = new AbortController();
        await this.#refresh(services.list());
        await sleep(clock, REFRESH_MS, AbortSignal.any([signal, changed.signal])).catch(() => {}); // woken
      }
    } finally {
      disconnect();
    }
  }

  async #refresh(services: readonly APIService[]): Promise<void> {
    const { client, logger } = this.#context;
    const { kinds, failures } = await findRemoteKinds(client, services);
    // What a server keeps that cannot be asked just now is still there.
    const silent = new Set(failures.map(({ groupVersion }) => groupVersion));
    const kept = this.#kinds.filter(({ group, version }) => silent.has(formatApiVersion(group, version)));
    if (failures.length > 0) logger.debug("some servers behind the API cannot say what they keep", { groups: [...silent] });
    this.#kinds = [...kinds, ...kept];
    for (const listener of this.#listeners) listener(this.#kinds);
  }
}
