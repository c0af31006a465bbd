import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { keepClientsAlive } from "../../lib/net/keep-alive.ts";
import { outliveAcceptErrors } from "../../lib/net/lasting-server.ts";
import { aborted } from "../../lib/abort.ts";
import { explainListenError } from "../../lib/net/listen-error.ts";
import type { Logger } from "../../lib/log.ts";
import { logTlsClients } from "../../lib/net/other-protocol.ts";
import { verifyWebhook } from "./webhook.ts";

/** One repository that a forge may tell of. */
export interface Hook {
  /** The secret as it is now; undefined: there is none, and nothing is accepted. */
  readonly secret: () => Promise<string | undefined>;
  /** A genuine request came: look at the repository. What it says is not read, so it cannot say anything wrong. */
  readonly onPush: () => void;
}

export interface WebhookReceiverOptions {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** The repository behind `/hook/<source>`, and behind `/hook` the cluster's own; undefined: there is no such source. */
  readonly hookOf: (source: string | undefined) => Hook | undefined;
  readonly logger: Logger;
}

export interface WebhookReceiver {
  readonly port: number;
  run(signal: AbortSignal): Promise<void>;
}

const BODY_BYTES_MAX = 8 << 20;
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Listens for forges that tell of pushes: `POST /hook`, or `/hook/<source>`. They only wake the one conditional look, which finds out by
 * itself what is new.
 */
export async function startWebhookReceiver(options: WebhookReceiverOptions): Promise<WebhookReceiver> {
  const app = Fastify({ bodyLimit: BODY_BYTES_MAX, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const answer = async (request: FastifyRequest, reply: FastifyReply, source: string | undefined) => {
    const hook = options.hookOf(source);
    if (hook === undefined) return reply.code(404).send({ message: "no such source" });
    const secret = await hook.secret();
    if (secret === undefined || secret === "") return reply.code(503).send({ message: "no webhook secret is configured" });
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const verdict = verifyWebhook(request.headers, body, secret);
    if (verdict.is === "refused") {
      options.logger.warn("webhook refused", { why: verdict.why, from: request.ip });
      return reply.code(401).send({ message: verdict.why });
    }
    options.logger.debug("webhook", { from: verdict.from });
    hook.onPush();
    return reply.code(202).send({ message: "looking" });
  };
  app.post("/hook", (request, reply) => answer(request, reply, undefined));
  app.post<{ Params: { source: string } }>("/hook/:source", (request, reply) =>
    answer(request as FastifyRequest, reply as FastifyReply, request.params.source),
  );
  try {
    await app.listen({ host: options.address, port: options.port });
  } catch (error) {
    throw explainListenError(error, { address: options.address, port: options.port, option: "--webhook-port" });
  }
  outliveAcceptErrors(app.server, options.logger);
  keepClientsAlive(app.server);
  logTlsClients(app.server, options.logger);
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async run(signal) {
      await aborted(signal);
      await app.close();
    },
  };
}
