import { MASTERS_GROUP } from "../../apimachinery/known-users.ts";
import type { Clock } from "../../lib/clock.ts";
import { hostAndPort } from "../../lib/ip-address.ts";
import type { APIService } from "../../resources/types.ts";
import type { ProxyTarget } from "../proxy/proxy-target.ts";
import type { RemoteDocument, RemoteDocuments } from "./aggregator.ts";
import { aggregationTarget, type FrontProxyIdentity } from "./front-proxy.ts";
import { openRemote, readRemoteBody } from "./remote-exchange.ts";

/** Upstream's patience with a server that is asked whether it is there. */
const TIMEOUT_MS = 5_000;
/** Whoever answers trusts this server, and lets this name see what it serves. */
const ASKER = { username: "system:kube-aggregator", groups: [MASTERS_GROUP] };

/**
 * What the server behind an APIService serves. Rejects with an Error that says, in upstream's words, why it cannot be told. Schemas that
 * have not changed since `known` are not sent again.
 */
export async function fetchDocuments(api: APIService, known: RemoteDocuments | undefined, identity: FrontProxyIdentity, clock: Clock, signal: AbortSignal): Promise<RemoteDocuments> {
  const { group = "", version = "" } = api.spec;
  const path = `/apis/${group}/${version}`;
  const { code, body } = await get(api, path, {}, identity, clock, signal);
  if (code < 200 || code > 299) throw new Error(`failing or missing response from ${await shown(api, path, identity)}: bad status from ${await shown(api, path, identity)}: ${code}`);
  const schemas = (of: string, former: RemoteDocument | undefined) => fetchSchemas(former, (headers) => get(api, of, headers, identity, clock, signal));
  return { resources: parseObject(body), openApi: await schemas(`/openapi/v3${path}`, known?.openApi), openApiV2: await schemas("/openapi/v2", known?.openApiV2) };
}

/** Undefined when the server has none: it may serve its kinds without describing them. */
async function fetchSchemas(former: RemoteDocument | undefined, ask: (headers: Readonly<Record<string, string>>) => Promise<Got>): Promise<RemoteDocument | undefined> {
  const found = await ask(former?.etag === undefined ? {} : { "if-none-match": former.etag }).catch(() => undefined);
  if (found?.code === 304) return former;
  if (found?.code !== 200) return undefined;
  return { body: found.body, ...(found.etag === undefined ? {} : { etag: found.etag }) };
}

interface Got {
  readonly code: number;
  readonly body: Buffer;
  readonly etag: string | undefined;
}

async function get(api: APIService, path: string, headers: Readonly<Record<string, string>>, identity: FrontProxyIdentity, clock: Clock, signal: AbortSignal): Promise<Got> {
  const target = await aggregationTarget(api, ASKER, path, identity);
  const deadline = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => deadline.abort());
  try {
    const response = await openRemote(target, { method: "GET", headers: { accept: "application/json", ...headers } }, AbortSignal.any([signal, deadline.signal]));
    return { code: response.statusCode ?? 0, body: await readRemoteBody(response), etag: response.headers.etag };
  } catch (error) {
    if (deadline.signal.aborted) throw new Error(`timed out waiting for ${urlOf(target)}`, { cause: error });
    throw new Error(`failing or missing response from ${urlOf(target)}: Get ${JSON.stringify(urlOf(target))}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    cancel();
  }
}

async function shown(api: APIService, path: string, identity: FrontProxyIdentity): Promise<string> {
  return urlOf(await aggregationTarget(api, ASKER, path, identity));
}

function urlOf({ host, port, path }: ProxyTarget): string {
  return `https://${hostAndPort(host, port)}${path}`;
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  const value = JSON.parse(body.toString("utf8")) as unknown;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("the list of resources is no object");
  return value as Readonly<Record<string, unknown>>; // looked at just now
}
