import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import type { ResourceReference } from "../../engine/resources/define-resource.ts";
import type { Client } from "../../engine/client/client.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { ExpiringCache } from "../../engine/lib/expiring-cache.ts";
import { parseRequestUrl } from "../../engine/lib/net/request-url.ts";
import type { SubjectAccessReview, TokenReview } from "../../engine/resources/types.ts";
import { AUTHENTICATED_GROUP, MASTERS_GROUP } from "../../engine/apimachinery/known-users.ts";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";

export interface AgentUser {
  readonly username: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

const tokenReviews = { group: "authentication.k8s.io", version: "v1", resource: "tokenreviews", kind: "TokenReview", namespaced: false } as ResourceReference<
  TokenReview & KubeObject
>;
const accessReviews = {
  group: "authorization.k8s.io",
  version: "v1",
  resource: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
} as ResourceReference<SubjectAccessReview & KubeObject>;

/** How long the API server's word is believed. */
export interface AccessMemory {
  readonly tokenMs: number;
  readonly allowedMs: number;
  readonly deniedMs: number;
}

/** Upstream's: what was allowed is believed longer than what was not. */
const USUAL_MEMORY: AccessMemory = { tokenMs: 120_000, allowedMs: 300_000, deniedMs: 30_000 };
const REMEMBERED_MAX = 1000;

/**
 * Who may ask the agent for what, as upstream's node agents decide it: callers prove themselves with a certificate of the cluster's authority
 * or with a bearer token, and the API server judges both token and right.
 */
export class AgentAccess {
  readonly #client: Client;
  readonly #nodeName: string;
  readonly #memory: AccessMemory;
  readonly #remembered: ExpiringCache<{ readonly value: unknown }>;

  constructor(options: { readonly client: Client; readonly clock: Clock; readonly nodeName: string; readonly memory?: AccessMemory }) {
    this.#client = options.client;
    this.#remembered = new ExpiringCache(options.clock, REMEMBERED_MAX);
    this.#nodeName = options.nodeName;
    this.#memory = options.memory ?? USUAL_MEMORY;
  }

  /** 200 when the request may be made, else the status that refuses it. Rejects when the API server cannot be asked. */
  async judge(request: IncomingMessage): Promise<200 | 401 | 403> {
    const user = certificateUser(request.socket as TLSSocket) ?? (await this.#tokenUser(request)); // the server speaks TLS only
    if (user === undefined) return 401;
    // They may do anything also while no API server answers: the API server itself is one of them.
    if (user.groups.includes(MASTERS_GROUP)) return 200;
    const verb = verbOf(request.method ?? "GET");
    for (const subresource of subresourcesOf(parseRequestUrl(request.url ?? "/")?.pathname ?? "/"))
      if (await this.#isAllowed(user, verb, subresource)) return 200;
    return 403;
  }

  async #tokenUser({ headers }: IncomingMessage): Promise<AgentUser | undefined> {
    const token = /^bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    return this.#remember(
      `token ${token}`,
      () => this.#memory.tokenMs,
      async () => {
        const { status } = await this.#client
          .for(tokenReviews)
          .create({ kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", metadata: {}, spec: { token } });
        if (status?.authenticated !== true || status.user?.username === undefined) return undefined;
        const { username, groups = [], uid, extra } = status.user;
        return { username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
      },
    );
  }

  async #isAllowed({ username, groups, uid, extra }: AgentUser, verb: string, subresource: string): Promise<boolean> {
    return this.#remember(
      JSON.stringify([username, groups, uid, extra, verb, subresource]),
      (isAllowed) => (isAllowed ? this.#memory.allowedMs : this.#memory.deniedMs),
      async () => {
        const resourceAttributes = { verb, group: "", version: "v1", resource: "nodes", subresource, name: this.#nodeName };
        const review = await this.#client.for(accessReviews).create({
          kind: "SubjectAccessReview",
          apiVersion: "authorization.k8s.io/v1",
          metadata: {},
          spec: { user: username, groups: [...groups], ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }), resourceAttributes },
        });
        return review.status?.allowed === true;
      },
    );
  }

  async #remember<T>(key: string, lifeMs: (value: T) => number, ask: () => Promise<T>): Promise<T> {
    const known = this.#remembered.get(key);
    if (known !== undefined) return known.value as T; // stored by this very key
    const value = await ask();
    this.#remembered.set(key, { value }, lifeMs(value));
    return value;
  }
}

/**
 * Which rights on the node open a path, the narrowest first, after upstream's table. `nodes/proxy` opens everything that has no right of
 * its own, and what got one only lately.
 */
export function subresourcesOf(path: string): readonly string[] {
  const [, first = ""] = path.split("/");
  switch (first) {
    case "stats":
      return ["stats"];
    case "metrics":
      return ["metrics"];
    case "logs":
      return ["log"];
    case "pods":
    case "runningpods":
      return ["pods", "proxy"];
    case "healthz":
      return ["healthz", "proxy"];
    case "configz":
      return ["configz", "proxy"];
    default:
      return ["proxy"];
  }
}

function verbOf(method: string): string {
  return { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" }[method] ?? "get";
}

function certificateUser(socket: TLSSocket): AgentUser | undefined {
  if (!socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject as { readonly CN?: string | readonly string[]; readonly O?: string | readonly string[] }; // Node gives a list when there are several
  const username = [CN ?? ""].flat()[0];
  return username ? { username, groups: [...[O ?? []].flat(), AUTHENTICATED_GROUP] } : undefined;
}
