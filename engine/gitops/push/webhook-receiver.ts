import Fastify from "fastify";
import { aborted } from "../../lib/abort.ts";
import { explainListenError } from "../../lib/listen-error.ts";
import type { Logger } from "../../lib/log.ts";
import { verifyWebhook } from "./webhook.ts";

export interface WebhookReceiverOptions {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** The secret as it is now; undefined: there is none, and nothing is accepted. */
  readonly secret: () => Promise<string | undefined>;
  /** A genuine request came: look at the repository. What it says is not read, so it cannot say anything wrong. */
  readonly onPush: () => void;
  readonly logger: Logger;
}

export interface WebhookReceiver {
  readonly port: number;
  run(signal: AbortSignal): Promise<void>;
}

const BODY_BYTES_MAX = 8 << 20;
const REQUEST_TIMEOUT_MS = 30_000;

/** Listens for forges that tell of pushes: `POST /hook`. They only wake the one conditional look, which finds out by itself what is new. */
export async function startWebhookReceiver(options: WebhookReceiverOptions): Promise<WebhookReceiver> {
  const app = Fastify({ bodyLimit: BODY_BYTES_MAX, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.post("/hook", async (request, reply) => {
    const secret = await options.secret();
    if (secret === undefined || secret === "") return reply.code(503).send({ message: "no webhook secret is configured" });
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const verdict = verifyWebhook(request.headers, body, secret);
    if (verdict.is === "refused") {
      options.logger.warn("webhook refused", { why: verdict.why, from: request.ip });
      return reply.code(401).send({ message: verdict.why });
    }
    options.logger.debug("webhook", { from: verdict.from });
    options.onPush();
    return reply.code(202).send({ message: "looking" });
  });
  try {
    await app.listen({ host: options.address, port: options.port });
  } catch (error) {
    throw explainListenError(error, { address: options.address, port: options.port, option: "--webhook-port" });
  }
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async run(signal) {
      await aborted(signal);
      await app.close();
    },
  };
}
