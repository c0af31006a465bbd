import type { IncomingMessage } from "node:http";
import https from "node:https";
import type { Clock } from "../../lib/clock.ts";
import type { APIService } from "../../resources/types.ts";
import type { ProxyTarget } from "../proxy/proxy-target.ts";
import type { RemoteDocuments } from "./aggregator.ts";
import { aggregationTarget, type FrontProxyIdentity } from "./front-proxy.ts";

/** Upstream's patience with a server that is asked whether it is there. */
const TIMEOUT_MS = 5_000;
const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;
/** Whoever answers trusts this server, and lets this name see what it serves. */
const ASKER = { username: "system:kube-aggregator", groups: ["system:masters"] };

/** What the server behind an APIService serves. Rejects with an Error that says, in upstream's words, why it cannot be told. */
export async function fetchDocuments(api: APIService, identity: FrontProxyIdentity, clock: Clock, signal: AbortSignal): Promise<RemoteDocuments> {
  const { group = "", version = "" } = api.spec;
  const path = `/apis/${group}/${version}`;
  const { code, body } = await get(api, path, identity, clock, signal);
  if (code < 200 || code > 299) throw new Error(`failing or missing response from ${await shown(api, path, identity)}: bad status from ${await shown(api, path, identity)}: ${code}`);
  const openApi = await get(api, `/openapi/v3${path}`, identity, clock, signal).catch(() => undefined);
  return { resources: parseObject(body), openApi: openApi?.code === 200 ? openApi.body : undefined };
}

interface Got {
  readonly code: number;
  readonly body: Buffer;
}

async function get(api: APIService, path: string, identity: FrontProxyIdentity, clock: Clock, signal: AbortSignal): Promise<Got> {
  const target = await aggregationTarget(api, ASKER, path, identity);
  const deadline = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => deadline.abort());
  try {
    return await send(target, AbortSignal.any([signal, deadline.signal]));
  } catch (error) {
    if (deadline.signal.aborted) throw new Error(`timed out waiting for ${urlOf(target)}`, { cause: error });
    throw new Error(`failing or missing response from ${urlOf(target)}: Get ${JSON.stringify(urlOf(target))}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    cancel();
  }
}

function send({ host, port, path, tls, headers }: ProxyTarget, signal: AbortSignal): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = https.request({ host, port, path, agent: false, signal, ...tls, headers: { accept: "application/json", ...(headers as Record<string, string | string[]>) } }, (response) => void read(response).then((body) => resolve({ code: response.statusCode ?? 0, body }), reject)); // lists of names are copied
    request.on("error", reject);
    request.end();
  });
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > DOCUMENT_BYTES_MAX) throw new Error(`the answer is longer than ${DOCUMENT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function shown(api: APIService, path: string, identity: FrontProxyIdentity): Promise<string> {
  return urlOf(await aggregationTarget(api, ASKER, path, identity));
}

function urlOf({ host, port, path }: ProxyTarget): string {
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}${path}`;
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  const value = JSON.parse(body.toString("utf8")) as unknown;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("the list of resources is no object");
  return value as Readonly<Record<string, unknown>>; // looked at just now
}
