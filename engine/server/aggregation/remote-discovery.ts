import { MASTERS_GROUP } from "../../apimachinery/known-users.ts";
import type { Clock } from "../../lib/clock.ts";
import { hostAndPort } from "../../lib/net/ip-address.ts";
import type { APIService } from "../../resources/types.ts";
import type { ProxyTarget } from "../proxy/proxy-target.ts";
import type { RemoteDocument, RemoteResources } from "./aggregator.ts";
import { aggregationTarget, type FrontProxyIdentity } from "./front-proxy.ts";
import { openRemote, readRemoteBody } from "./remote-exchange.ts";
import { resourcesOfDiscovery, resourcesOfList } from "./remote-resources.ts";

/** Upstream's patience with a server that is asked whether it is there. */
const TIMEOUT_MS = 5_000;
/** No server describes so much, and all others wait while it is taken apart. */
const DOCUMENT_BYTES_MAX = 8 << 20;
/** Whoever answers trusts this server, and lets this name see what it serves. */
const ASKER = { username: "system:kube-aggregator", groups: [MASTERS_GROUP] };

const AGGREGATED = ["v2", "v2beta1"].map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`).join(",");

const JSON_ONLY = { accept: "application/json" };

/** Rejects, in upstream's words, with why the server behind an APIService cannot be reached, or does not answer for its group and version. */
export async function requirePresence(api: APIService, ask: RemoteAsk): Promise<void> {
  const path = pathOf(api);
  const { code } = await get(api, path, {}, ask); // whatever form it answers in: some serve discovery in one form only
  if (code < 200 || code > 299)
    throw new Error(
      `failing or missing response from ${await shown(api, path, ask.identity)}: bad status from ${await shown(api, path, ask.identity)}: ${code}`,
    );
}

/**
 * What the server serves of its group and version: by its own aggregated discovery, else by its list of resources, as upstream asks.
 * Rejects when it says neither. What has not changed since `known` is not sent again.
 */
export async function fetchResources(api: APIService, known: RemoteResources | undefined, ask: RemoteAsk): Promise<RemoteResources> {
  const { group = "", version = "" } = api.spec;
  const all = await get(api, "/apis", { accept: AGGREGATED, ...(known?.etag === undefined ? {} : { "if-none-match": known.etag }) }, ask);
  if (all.code === 304 && known !== undefined) return known;
  if (all.code === 503) throw new Error("the server is not available");
  if (all.code === 200 && /;\s*g=apidiscovery\.k8s\.io/.test(all.contentType) && /;\s*as=APIGroupDiscoveryList/.test(all.contentType)) {
    return { list: resourcesOfDiscovery(parse(all.body), group, version), ...(all.etag === undefined ? {} : { etag: all.etag }) };
  }
  const own = await get(api, pathOf(api), JSON_ONLY, ask);
  if (own.code !== 200) throw new Error(`the list of resources cannot be had: ${own.code}`);
  return { list: resourcesOfList(parse(own.body), group, version) };
}

/** What the server says of its group and version in OpenAPI of version 3; undefined when it says nothing, as it may. */
export function fetchOpenApi(api: APIService, known: RemoteDocument | undefined, ask: RemoteAsk): Promise<RemoteDocument | undefined> {
  return fetchSchemas(api, `/openapi/v3${pathOf(api)}`, known, ask);
}

/** The same of version 2, of all that it serves. */
export function fetchOpenApiV2(api: APIService, known: RemoteDocument | undefined, ask: RemoteAsk): Promise<RemoteDocument | undefined> {
  return fetchSchemas(api, "/openapi/v2", known, ask);
}

async function fetchSchemas(api: APIService, path: string, known: RemoteDocument | undefined, ask: RemoteAsk): Promise<RemoteDocument | undefined> {
  const found = await get(api, path, { ...JSON_ONLY, ...(known?.etag === undefined ? {} : { "if-none-match": known.etag }) }, ask).catch(() => undefined);
  if (found === undefined || found.code === 304) return known;
  if (found.code !== 200) return undefined;
  return { body: found.body, ...(found.etag === undefined ? {} : { etag: found.etag }) };
}

/** How servers behind this one are asked. */
export interface RemoteAsk {
  readonly identity: FrontProxyIdentity;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

function pathOf({ spec: { group = "", version = "" } }: APIService): string {
  return `/apis/${group}/${version}`;
}

interface Got {
  readonly code: number;
  readonly body: Buffer;
  readonly etag: string | undefined;
  readonly contentType: string;
}

async function get(api: APIService, path: string, headers: Readonly<Record<string, string>>, { identity, clock, signal }: RemoteAsk): Promise<Got> {
  const target = await aggregationTarget(api, ASKER, path, identity);
  const deadline = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => deadline.abort());
  try {
    const response = await openRemote(target, { method: "GET", headers }, AbortSignal.any([signal, deadline.signal]));
    return {
      code: response.statusCode ?? 0,
      body: await readRemoteBody(response, DOCUMENT_BYTES_MAX),
      etag: response.headers.etag,
      contentType: response.headers["content-type"] ?? "",
    };
  } catch (error) {
    if (deadline.signal.aborted) throw new Error(`timed out waiting for ${urlOf(target)}`, { cause: error });
    throw new Error(
      `failing or missing response from ${urlOf(target)}: Get ${JSON.stringify(urlOf(target))}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
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

function parse(body: Buffer): unknown {
  return JSON.parse(body.toString("utf8"));
}
