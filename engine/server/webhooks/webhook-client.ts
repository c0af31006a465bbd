import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import type { Agent } from "node:https";
import type { Egress, EgressName } from "../../apimachinery/egress.ts";
import { API_SERVER_NAME } from "../../apimachinery/names.ts";
import type { KeyPair } from "../../auth/certificates.ts";
import { raceAbort } from "../../lib/abort.ts";
import { secureConnectionsBy } from "../../lib/net/dial.ts";
import { bareHost, tlsServerName, urlHost } from "../../lib/net/ip-address.ts";
import { nodeJs } from "../../lib/late-modules.ts";
import { refuseUpgrade } from "../../lib/net/refuse-upgrade.ts";
import type { WebhookEndpoint, WebhookRequest, WebhookTransport } from "../../apimachinery/webhook-call.ts";
import type { KubeconfigUser, KubeconfigUsers } from "../../client/kubeconfig.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Tracer } from "../../lib/tracing/tracer.ts";
import { askTraced } from "../tracing/client-span.ts";
import { chooseUser, HTTPS_PORT } from "./choose-user.ts";
import { describeCallError } from "../../lib/call-error.ts";
import { parseJson } from "../../lib/json.ts";
import { requireDepth } from "../../lib/json-depth.ts";

/** Where a call goes. The name is what the certificate must be for; the address may be another. */
export interface WebhookTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly serverName: string;
  /** By which way it is reached; directly when absent. */
  readonly egress?: EgressName;
  /** As whom it is called, and by whose word it is trusted, where both are settled. */
  readonly loopback?: Loopback;
}

/** How a server calls itself. */
export interface Loopback extends KeyPair {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly ca: string;
}

/** Who has signed the webhook's certificate (PEM in base64), and who is calling. */
interface WebhookTrust {
  readonly caBundle: string | undefined;
  readonly user: KubeconfigUser | undefined;
}

interface WebhookMessage {
  readonly path: string;
  readonly text: string;
  /** Beside those of every call. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface WebhookClientOptions {
  /** An address of a ready end of the Service's port. Rejects with an Error that says why there is none. */
  readonly resolveService: (service: {
    readonly namespace: string;
    readonly name: string;
    readonly port: number;
  }) => Promise<{ readonly host: string; readonly port: number }>;
  /** Who is called as whom; everyone as nobody when absent. */
  readonly users?: KubeconfigUsers;
  /** How the server that calls is reached itself, which is what the Service default/kubernetes means to its webhooks; as any Service when absent. */
  readonly loopback?: (() => Promise<Loopback>) | undefined;
  /** The ways to Services, which are in the cluster, and to all others. */
  readonly egress?: Egress | undefined;
  /** Who is told of the calls that are made in the course of a traced request. */
  readonly tracer?: Tracer | undefined;
  readonly clock: Clock;
}

/**
 * An answer that is longer is no answer; upstream has no bound, and memory of its own. The largest that means something is a patch that
 * replaces a whole object, of 3 MiB, in base64; everybody waits while an answer is read.
 */
const ANSWER_BYTES_MAX = 8 << 20;
/** Webhooks whose connections are kept alive. */
const AGENTS_MAX = 64;
const IDLE_MS = 90_000;

/** Asks webhooks; connections to each are kept for the next request. Call `close` at the end. */
export class WebhookClient implements WebhookTransport {
  readonly #options: WebhookClientOptions;
  /** By what connections may be shared: the way, the name on the certificate, its authority, and who calls. */
  readonly #agents = new Map<string, Agent>();

  constructor(options: WebhookClientOptions) {
    this.#options = options;
  }

  async post({ endpoint, body, timeoutSeconds, signal }: WebhookRequest): Promise<unknown> {
    const shown = `${webhookUrl(endpoint)}?timeout=${timeoutSeconds}s`;
    const deadline = new AbortController();
    const cancel = this.#options.clock.after(timeoutSeconds * 1000, () => deadline.abort());
    try {
      const target = await this.#resolve(endpoint);
      const text = JSON.stringify(body);
      const user =
        this.#options.users === undefined
          ? undefined
          : chooseUser(this.#options.users, target.serverName, endpoint.service === undefined ? target.port : (endpoint.service.port ?? HTTPS_PORT));
      const trust = target.loopback === undefined ? { caBundle: endpoint.caBundle, user } : trustOf(target.loopback, endpoint.caBundle);
      return await askTraced(this.#options.tracer, { method: "POST", url: shown }, async (asking) => {
        const message = { path: `${target.path}?timeout=${timeoutSeconds}s`, text, headers: asking.headers };
        const response = await this.#send(target, trust, message, signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]));
        asking.answered(response.statusCode ?? 0);
        return readJson(response);
      });
    } catch (error) {
      if (deadline.signal.aborted) throw new Error(`Post ${JSON.stringify(shown)}: context deadline exceeded`, { cause: error });
      if (signal?.aborted === true) throw new Error(`Post ${JSON.stringify(shown)}: context canceled`, { cause: error });
      if (error instanceof AnswerError) throw error;
      throw new Error(`Post ${JSON.stringify(shown)}: ${describeCallError(error)}`, { cause: error });
    } finally {
      cancel();
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #resolve({ url, service }: WebhookEndpoint): Promise<WebhookTarget> {
    if (url !== undefined) {
      const place = new URL(url);
      const host = bareHost(place);
      return { host, port: place.port === "" ? HTTPS_PORT : Number(place.port), path: place.pathname, serverName: host, egress: "controlplane" };
    }
    if (service === undefined) throw new Error("the webhook has neither an address nor a Service");
    const { namespace, name, path = "", port = HTTPS_PORT } = service;
    const asked = { path: path.startsWith("/") ? path : `/${path}`, serverName: `${name}.${namespace}.svc` };
    if (asked.serverName === API_SERVER_NAME && port === HTTPS_PORT && this.#options.loopback !== undefined) {
      const loopback = await this.#options.loopback();
      return { ...asked, host: loopback.host, port: loopback.port, loopback };
    }
    return { ...asked, ...(await this.#options.resolveService({ namespace, name, port })), egress: "cluster" };
  }

  async #send(
    target: WebhookTarget,
    trust: WebhookTrust,
    { path, text, headers: traceHeaders }: WebhookMessage,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const agent = this.#agentFor(target, trust);
    const authorization = await authorizationOf(trust.user);
    const host = urlHost(target.serverName);
    const headers = {
      ...traceHeaders,
      "content-type": "application/json",
      accept: "application/json",
      "content-length": Buffer.byteLength(text),
      ...(authorization === undefined ? {} : { authorization }),
      "user-agent": "kube-apiserver-admission",
      host: target.port === HTTPS_PORT ? host : `${host}:${target.port}`,
    };
    const attempt = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const servername = tlsServerName(target.serverName);
        const request = nodeJs.https.request({ host: target.host, port: target.port, path, method: "POST", agent, servername, headers, signal });
        request.on("response", resolve);
        // A connection that was kept may have been closed by the other end just now: that says nothing about the webhook.
        request.on("error", (error) =>
          request.reusedSocket && !signal.aborted && (error as { readonly code?: unknown }).code === "ECONNRESET"
            ? attempt().then(resolve, reject)
            : reject(error),
        );
        refuseUpgrade(request);
        request.end(text);
      });
    // A request tells of its end only once it has a connection, for which a proxy may let it wait.
    return raceAbort(attempt(), signal);
  }

  #agentFor(target: WebhookTarget, trust: WebhookTrust): Agent {
    const { caBundle, user } = trust;
    const key = agentKey(target, trust);
    const known = this.#agents.get(key);
    if (known !== undefined) {
      this.#agents.delete(key);
      this.#agents.set(key, known); // the least recently used one is first
      return known;
    }
    const ca = caBundle ? { ca: Buffer.from(caBundle, "base64") } : {};
    const agent = new nodeJs.https.Agent({
      keepAlive: true,
      keepAliveMsecs: 30_000,
      timeout: IDLE_MS,
      ...ca,
      ...(user?.certificate === undefined ? {} : { cert: user.certificate, key: user.key }),
    });
    agent.createConnection = secureConnectionsBy(target.egress === undefined ? undefined : this.#options.egress?.get(target.egress));
    const [oldest] = this.#agents.keys();
    if (this.#agents.size >= AGENTS_MAX && oldest !== undefined) {
      this.#agents.get(oldest)?.destroy();
      this.#agents.delete(oldest);
    }
    this.#agents.set(key, agent);
    return agent;
  }
}

/** Servers behind the API that are webhooks name the API's Service, and no authority: whoever calls there is the server itself, as upstream. */
function trustOf({ ca, certificate, key }: Loopback, caBundle: string | undefined): WebhookTrust {
  const more = caBundle === undefined ? "" : `\n${Buffer.from(caBundle, "base64").toString("utf8")}`;
  return { caBundle: Buffer.from(`${ca}${more}`).toString("base64"), user: { certificate, key } };
}

function agentKey({ serverName, egress }: WebhookTarget, { caBundle, user }: WebhookTrust): string {
  return `${egress ?? ""}\n${serverName}\n${caBundle ?? ""}\n${user?.certificate ?? ""}`;
}

/** A token goes before a name and a password, and one in a file is read anew: whoever keeps it may have written another. */
async function authorizationOf({ token, tokenFile, username, password }: KubeconfigUser = {}): Promise<string | undefined> {
  const bearer = token ?? (tokenFile === undefined ? undefined : (await readFile(tokenFile, "utf8")).trim());
  if (bearer !== undefined) return `Bearer ${bearer}`;
  return username === undefined && password === undefined ? undefined : `Basic ${Buffer.from(`${username ?? ""}:${password ?? ""}`).toString("base64")}`;
}

/** The webhook was reached, but what it answered is no answer. */
class AnswerError extends Error {}

/** How messages name the webhook. */
export function webhookUrl({ url, service }: WebhookEndpoint): string {
  if (url !== undefined || service === undefined) return url ?? "";
  const { namespace, name, path = "", port = HTTPS_PORT } = service;
  return `https://${name}.${namespace}.svc:${port}${path === "" || path.startsWith("/") ? path : `/${path}`}`;
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new AnswerError(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const code = response.statusCode ?? 0;
  if (code === 404) throw new AnswerError("the server could not find the requested resource");
  if (code < 200 || code > 299) throw new AnswerError(refusal(code, text));
  try {
    requireDepth(text);
    return parseJson(text);
  } catch (cause) {
    throw new AnswerError(`couldn't get version/kind; json parse error: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** What upstream's client says of an answer that is no success and no Status. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: "the server has asked for the client to provide credentials",
  404: "the server could not find the requested resource",
  405: "the server does not allow this method on the requested resource",
  409: "the server reported a conflict",
  422: "the server rejected our request due to an error in our request",
  429: "the server has received too many requests and has asked us to try again later",
  503: "the server is currently unable to handle the request",
  504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};

function refusal(code: number, text: string): string {
  if (code === 403 || code === 406 || code === 415) return text.slice(0, 2048);
  if (code < 500 || REFUSALS[code] !== undefined) return REFUSALS[code] ?? "the server rejected our request for an unknown reason";
  return `an error on the server (${JSON.stringify(text.slice(0, 2048))}) has prevented the request from succeeding`;
}
