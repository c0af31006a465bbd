import type { Server, ServerResponse } from "node:http";
import { nodeJs } from "../../engine/lib/late-modules.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { closeServer, listen } from "./listen.ts";
import type { HealthCheck } from "./service-map.ts";

/**
 * Answers load balancers that ask whether this node has endpoints of a Service: 200 when it has some and the rules are kept, else 503.
 * One port per Service, on all addresses of the machine.
 */
export class HealthCheckPorts {
  readonly #isProxyHealthy: () => boolean;
  readonly #host: string;
  readonly #logger: Logger;
  readonly #open = new Map<number, { check: HealthCheck; readonly server: Server }>();

  /** `host` stands for all addresses of the machine. */
  constructor(isProxyHealthy: () => boolean, host: string, logger: Logger) {
    this.#isProxyHealthy = isProxyHealthy;
    this.#host = host;
    this.#logger = logger;
  }

  /** Brings the open ports to the given ones. A port that somebody else has is a warning, and tried again next time. */
  async sync(checks: readonly HealthCheck[]): Promise<void> {
    const wanted = new Map(checks.map((check) => [check.port, check]));
    for (const [port, { server }] of [...this.#open]) if (!wanted.has(port)) await this.#close(port, server);
    for (const check of checks) {
      const open = this.#open.get(check.port);
      if (open !== undefined) open.check = check;
      else
        await this.#listen(check).catch((error: unknown) =>
          this.#logger.warn("health check port not opened", { service: `${check.namespace}/${check.name}`, port: check.port, error: describeError(error) }),
        );
    }
  }

  async close(): Promise<void> {
    for (const [port, { server }] of [...this.#open]) await this.#close(port, server);
  }

  async #listen(check: HealthCheck): Promise<void> {
    const server = nodeJs.http.createServer((_request, response) => this.#answer(check.port, response));
    await listen(server, { host: this.#host, port: check.port }, this.#logger);
    this.#open.set(check.port, { check, server });
  }

  #answer(port: number, response: ServerResponse): void {
    const { check } = this.#open.get(port) ?? {};
    if (check === undefined) return void response.destroy();
    const { namespace, name, localEndpoints } = check;
    const serviceProxyHealthy = this.#isProxyHealthy();
    response.writeHead(localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, {
      "Content-Type": "application/json",
      "X-Content-Type-Options": "nosniff",
      "X-Load-Balancing-Endpoint-Weight": String(localEndpoints),
    });
    response.end(`${JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, undefined, 2)}\n`);
  }

  #close(port: number, server: Server): Promise<void> {
    this.#open.delete(port);
    return closeServer(server);
  }
}
