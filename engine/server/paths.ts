import { StatusError } from "../apimachinery/status-error.ts";
import { withoutEndSlashes } from "../lib/end-slashes.ts";
import type { PiecewiseBytes } from "../storage/list-json.ts";
import { createLocalClient } from "../client/local-client.ts";
import type { ApiServer } from "./api-server.ts";
import { ensureStorageClass } from "./bootstrap/bootstrap.ts";
import { ensureDnsService } from "./bootstrap/dns-service.ts";
import { cachedAnswer } from "./cached-answer.ts";
import { componentPages } from "./component-pages.ts";
import { Discovery, type Document } from "./discovery/discovery.ts";
import { discoveryAnswer, rootAnswer } from "./discovery/answers.ts";
import { dumpPage } from "./fairness/dump.ts";
import { unsupportedMethod } from "./exchange.ts";
import { Fairness } from "./fairness/fairness.ts";
import { HealthMetrics, healthChecks, runHealthCheck, runHealthChecks } from "./health.ts";
import { header, type HttpRequest } from "./http/http-request.ts";
import { JSON_TYPE, parseAccept, requireBareType } from "./http/negotiation.ts";
import { plainText } from "./http/response.ts";
import { API_SERVER_USER } from "../apimachinery/known-users.ts";
import type { ClusterNetwork } from "../auth/join-call.ts";
import { AUTHORITY_PATH, JOIN_PATH, NETWORK_PATH, SERVERS_PATH } from "../auth/join-paths.ts";
import { joinNode, type CertificateSigner } from "./nodes/node-join.ts";
import { NodePasswords } from "./nodes/node-passwords.ts";
import { OpenApi, OPENAPI_V2_PROTOBUF, OPENAPI_V2_PROTOBUF_OLD } from "./openapi/openapi.ts";
import { GIT_VERSION, versionInfo } from "./version.ts";

/** Types that a document of OpenAPI version 3 may be asked for by. */
const OPENAPI_V3_ACCEPTED = /^(application|\*)\/(\*|json|com\.github\.proto-openapi\.spec\.v3[.@]v1\.0\+protobuf)$/;

/** An answer that is not an API object. */
export interface PathAnswer {
  readonly code: number;
  readonly contentType: string;
  readonly body: Buffer | PiecewiseBytes;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PathOptions {
  readonly server: ApiServer;
  /** Whether the cluster has been bootstrapped. */
  readonly isStarted: () => boolean;
  /** Never when absent. */
  readonly isEnding?: () => boolean;
  /** Without one nobody can join. */
  readonly signer?: CertificateSigner;
  /** What agents are told of the cluster's network; nothing when absent. */
  readonly network?: ClusterNetwork;
  /** Lets a server into the control plane; rejects with a StatusError. */
  readonly admitServer?: (body: unknown) => Promise<unknown>;
  /** Where others find the keys of service account tokens, when not at the issuer itself. */
  readonly jwksUri?: string;
  /** What the server was started with, by option, without secrets; nothing when absent. */
  readonly flags?: Readonly<Record<string, string>>;
}

type Handler = (request: HttpRequest, rest: string) => Promise<PathAnswer | undefined> | PathAnswer | undefined;

interface Route {
  readonly method: "GET" | "POST";
  /** The whole path, or with a star at its end what it begins with. */
  readonly path: string;
  readonly handle: Handler;
}

/** Pages that are found with a slash at their end as well; upstream's others are not. */
const TRAILED = /^\/(apis?|version|openid|\.well-known)\//;

/** Of these, the ones that other methods do not get; all other pages do not care how they are asked for, as upstream's do not. */
const ONLY_READ = /^\/(apis?\/.|version|openid|\.well-known)/;

/** Everything that is served besides the API's resources. The caller has authorized the path. */
export class Paths {
  readonly #routes: readonly Route[];
  readonly #discovery: Discovery;

  constructor(options: PathOptions) {
    const { resources, aggregator, disabled, clock } = options.server.parts;
    const discovery = new Discovery(resources, aggregator);
    this.#discovery = discovery;
    const openApi = new OpenApi(resources, discovery, GIT_VERSION, aggregator, !disabled.has("OpenAPIEnums"));
    this.#routes = [
      ...discoveryRoutes(discovery),
      ...openApiRoutes(openApi),
      ...healthRoutes(options),
      ...componentPages({ clock, disabled, flags: options.flags ?? {} }),
      ...serverRoutes(options),
    ];
  }

  /** Undefined for a path that is not served. */
  async answer(request: HttpRequest): Promise<PathAnswer | undefined> {
    const path = TRAILED.test(request.path) ? withoutEndSlashes(request.path) : request.path;
    if (path === "/") return readable({ paths: this.#rootPaths() });
    for (const route of this.#routes) {
      const isPrefix = route.path.endsWith("*");
      const stem = isPrefix ? route.path.slice(0, -1) : route.path;
      if ((route.method === "POST" && request.method !== "POST") || !(isPrefix ? path.startsWith(stem) : path === stem)) continue;
      const found = await route.handle(request, path.slice(stem.length));
      if (found === undefined) continue;
      if (route.method === "GET" && ONLY_READ.test(`${path}/`) && request.method !== "GET" && request.method !== "HEAD") throw unsupportedMethod();
      return found;
    }
    return undefined;
  }

  /** What there is to be asked for: pages, groups, and their versions, those of servers behind this one among them. */
  #rootPaths(): readonly string[] {
    const served = this.#discovery.groupVersions().flatMap(({ path, group }) => [`/${path}`, ...(group === "" ? [] : [`/apis/${group}`])]);
    return [...new Set([...this.#routes.map((route) => route.path.replace(/\/?\*$/, "")), ...served])].sort();
  }
}

function discoveryRoutes(discovery: Discovery): readonly Route[] {
  const address = (request: HttpRequest) => header(request, ":authority") ?? header(request, "host") ?? "";
  const plain = (request: HttpRequest, document: Document | undefined, isRouted: boolean) => document && discoveryAnswer(request, document, isRouted);
  return [
    {
      method: "GET",
      path: "/api",
      handle: (request) =>
        rootAnswer(
          request,
          () => discovery.coreVersions(address(request)),
          () => discovery.aggregated("api"),
          true,
        ),
    },
    {
      method: "GET",
      path: "/apis",
      handle: (request) =>
        rootAnswer(
          request,
          () => discovery.groupList(),
          () => discovery.aggregated("apis"),
          false,
        ),
    },
    { method: "GET", path: "/api/*", handle: (request, rest) => plain(request, discovery.resourceList("", rest), true) },
    {
      method: "GET",
      path: "/apis/*",
      handle(request, rest) {
        const [group = "", version, more] = rest.split("/");
        if (more !== undefined) return undefined;
        return version === undefined
          ? plain(request, discovery.group(group), false)
          : plain(request, discovery.resourceList(group, version), discovery.isOwn(group));
      },
    },
  ];
}

function openApiRoutes(openApi: OpenApi): readonly Route[] {
  return [
    { method: "GET", path: "/openapi/v3", handle: async () => ({ code: 200, contentType: JSON_TYPE, body: await openApi.index() }) },
    {
      method: "GET",
      path: "/openapi/v3/*",
      async handle(request, rest) {
        const document = await openApi.groupVersion(rest);
        if (document === undefined) return undefined;
        // Who asks for protobuf gets JSON as well, which says so.
        const isAccepted = parseAccept(header(request, "accept") || "*/*").some(({ type }) => OPENAPI_V3_ACCEPTED.test(type));
        if (!isAccepted) return { code: 406, contentType: "text/plain", body: Buffer.alloc(0) };
        const asked = request.query.get("hash");
        if (asked !== null && asked !== document.hash) {
          return { code: 301, contentType: "text/plain", body: Buffer.alloc(0), headers: { location: `/openapi/v3/${rest}?hash=${document.hash}` } };
        }
        // The hash is part of the address: what it names never changes.
        const caching: Record<string, string> = asked === null ? {} : { "cache-control": "public, immutable", expires: "Fri, 31 Dec 2100 00:00:00 GMT" };
        return cachedAnswer(request, document.etag, JSON_TYPE, caching, document.body);
      },
    },
    {
      method: "GET",
      path: "/openapi/v2",
      async handle(request) {
        const ranges = parseAccept(header(request, "accept") || "*/*");
        const range = ranges.find(({ type }) => [JSON_TYPE, OPENAPI_V2_PROTOBUF, OPENAPI_V2_PROTOBUF_OLD, "*/*", "application/*"].includes(type));
        if (range === undefined)
          throw new StatusError("NotAcceptable", `406: Not Acceptable\n\nAvailable representations: ${JSON_TYPE}, ${OPENAPI_V2_PROTOBUF}`, {});
        const isProtobuf = range.type === OPENAPI_V2_PROTOBUF || range.type === OPENAPI_V2_PROTOBUF_OLD;
        const document = await (isProtobuf ? openApi.combinedProtobuf() : openApi.combined());
        return cachedAnswer(request, document.etag, isProtobuf ? OPENAPI_V2_PROTOBUF : JSON_TYPE, {}, document.body);
      },
    },
  ];
}

function healthRoutes({ server, isStarted, isEnding = () => false }: PathOptions): readonly Route[] {
  const checks = healthChecks(server.parts.store, { isStarted, isEnding }, server.parts.healthChecks);
  const metrics = new HealthMetrics();
  const routes: Route[] = [{ method: "GET", path: "/metrics/slis", handle: () => metricsPage(metrics.render()) }];
  for (const endpoint of ["healthz", "livez", "readyz"] as const) {
    routes.push({
      method: "GET",
      path: `/${endpoint}`,
      async handle({ query }) {
        const { code, text } = await runHealthChecks(endpoint, checks[endpoint], query, { metrics, logger: server.parts.logger });
        return plainText(code, text);
      },
    });
    routes.push({
      method: "GET",
      path: `/${endpoint}/*`,
      async handle(_request, rest) {
        const chosen = checks[endpoint].find((check) => check.name === rest);
        if (chosen === undefined) return undefined;
        const { code, text } = await runHealthCheck(chosen);
        return plainText(code, text);
      },
    });
  }
  return routes;
}

function serverRoutes(options: PathOptions): readonly Route[] {
  const { server, signer, network } = options;
  const client = createLocalClient(server, API_SERVER_USER, "node-join");
  const names = new NodePasswords(client, server.parts.clock);
  const tokens = server.parts.tokens;
  const admitNode = async (to: CertificateSigner, { user, body, remoteAddress }: HttpRequest) => {
    const answer = await joinNode(user, await parseJsonBody(body), to, names, remoteAddress);
    await ensureStorageClass(client);
    if (network !== undefined) await ensureDnsService(client, network.clusterDns.split(","));
    return json(answer, 201);
  };
  const join: Route[] =
    signer === undefined
      ? []
      : [
          { method: "POST", path: JOIN_PATH, handle: (request) => admitNode(signer, request) },
          { method: "GET", path: AUTHORITY_PATH, handle: () => plainText(200, signer.ca) },
        ];
  const admit: Route = {
    method: "POST",
    path: SERVERS_PATH,
    handle: async ({ body }) => json(await (options.admitServer ?? refuseServers)(await parseJsonBody(body)), 201),
  };
  const tell: Route[] = network === undefined ? [] : [{ method: "GET", path: NETWORK_PATH, handle: () => json(network) }];
  const remembered = () => ({ "cache-control": `public, max-age=${tokens.keySetSeconds}` });
  return [
    admit,
    ...tell,
    { method: "GET", path: "/version", handle: versionPage },
    { method: "GET", path: "/metrics", handle: async () => metricsPage(await server.metrics.page()) },
    {
      method: "GET",
      path: "/.well-known/openid-configuration",
      handle: () => ({
        ...json({
          issuer: tokens.issuer,
          jwks_uri: options.jwksUri ?? `${tokens.issuer.replace(/\/$/, "")}/openid/v1/jwks`,
          response_types_supported: ["id_token"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: tokens.algorithms,
        }),
        headers: remembered(),
      }),
    },
    {
      method: "GET",
      path: "/openid/v1/jwks",
      handle: async () => ({ ...json(await tokens.keySet()), contentType: "application/jwk-set+json", headers: remembered() }),
    },
    {
      method: "GET",
      path: "/debug/api_priority_and_fairness/*",
      handle(_request, page) {
        const { order } = server.parts;
        const text = order instanceof Fairness ? dumpPage(order, page) : undefined;
        return text === undefined ? undefined : plainText(200, text);
      },
    },
    ...join,
  ];
}

/** In JSON alone, as upstream has it. */
function versionPage(request: HttpRequest): PathAnswer {
  requireBareType(header(request, "accept"), [JSON_TYPE]);
  return readable(versionInfo());
}

function refuseServers(): Promise<never> {
  throw new StatusError(
    "Conflict",
    "this server keeps the cluster's state for itself, or in a store of its own: to share it with others, start it again with --cluster-init",
    {},
  );
}

function json(value: unknown, code = 200): PathAnswer {
  return { code, contentType: JSON_TYPE, body: Buffer.from(`${JSON.stringify(value)}\n`) };
}

/** Indented for everybody, as upstream's documents about the server itself are. */
function readable(value: unknown): PathAnswer {
  return { code: 200, contentType: JSON_TYPE, body: Buffer.from(JSON.stringify(value, null, 2)) };
}

function metricsPage(text: string): PathAnswer {
  return { code: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: Buffer.from(text) };
}

async function parseJsonBody(body: HttpRequest["body"]): Promise<unknown> {
  const bytes = await body?.();
  try {
    return JSON.parse((bytes ?? Buffer.alloc(0)).toString("utf8"));
  } catch {
    throw new StatusError("BadRequest", "the body is not JSON");
  }
}
