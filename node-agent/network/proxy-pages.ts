import type { ServerResponse } from "node:http";
import { aborted } from "../../engine/lib/abort.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { nodeJs } from "../../engine/lib/late-modules.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { closeServer, listen, type ListenAddress } from "./listen.ts";

/** How the keeping of rules goes. */
export interface ProxyHealth {
  /** Whether no change has been waiting too long to become rules. */
  readonly isHealthy: boolean;
  /** When the rules were last known to be right; undefined before the first time. */
  readonly lastUpdatedMs: number | undefined;
  /** Whether the node is one that load balancers may send new connections to. */
  readonly isNodeEligible: boolean;
}

/** Where load balancers of the outside ask whether a node takes traffic, and where tools ask for the proxy's mode and metrics: kube-proxy's ports. */
const HEALTH_PORT = 10_256;
const STATUS: ListenAddress = { host: "127.0.0.1", port: 10_249 };
const RETRY_MS = 30_000;

/** `/healthz` and `/livez` for load balancers at `host`, which stands for all addresses of the machine; `/proxyMode` and `/metrics` for tools on the machine. */
export function createProxyPages(
  health: () => ProxyHealth,
  metrics: () => string,
  parts: { readonly host: string; readonly clock: Clock; readonly logger: Logger },
): readonly Service[] {
  return [
    service("proxy-health", (signal) => serve({ host: parts.host, port: HEALTH_PORT }, (path) => healthPage(path, health(), parts.clock.now()), parts, signal)),
    service("proxy-status", (signal) => serve(STATUS, (path) => statusPage(path, health(), metrics), parts, signal)),
  ];
}

/** A port that somebody else has is tried again: rules do not wait for it. */
async function serve(
  address: ListenAddress,
  answer: (path: string) => Page,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const server = nodeJs.http.createServer((request, response) => write(response, answer(request.url?.split("?")[0] ?? "/")));
    try {
      await listen(server, address, logger);
    } catch (error) {
      logger.warn("proxy health not served, will retry", { ...address, error: describeError(error) });
      await sleep(clock, RETRY_MS, signal);
      continue;
    }
    await aborted(signal);
    await closeServer(server);
  }
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** `/healthz` also says no while the node is being taken away; `/livez` is about the proxy alone. Pure. */
function healthPage(path: string, { isHealthy, lastUpdatedMs, isNodeEligible }: ProxyHealth, nowMs: number): Page {
  if (path !== "/healthz" && path !== "/livez") return NOT_FOUND;
  const isNodeAsked = path === "/healthz";
  const body = {
    lastUpdated: lastUpdatedMs === undefined ? null : new Date(lastUpdatedMs).toISOString(),
    currentTime: new Date(nowMs).toISOString(),
    ...(isNodeAsked ? { nodeEligible: isNodeEligible } : {}),
  };
  return { status: isHealthy && (isNodeEligible || !isNodeAsked) ? 200 : 503, type: "application/json", text: JSON.stringify(body) };
}

function statusPage(path: string, { isHealthy }: ProxyHealth, metrics: () => string): Page {
  if (path === "/metrics") return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", text: metrics() };
  if (path === "/proxyMode") return { status: 200, type: "text/plain", text: "iptables" };
  if (path === "/healthz") return { status: isHealthy ? 200 : 503, type: "text/plain", text: isHealthy ? "ok" : "rules wait to be applied" };
  return NOT_FOUND;
}

const NOT_FOUND: Page = { status: 404, type: "text/plain", text: "no such page" };

function write(response: ServerResponse, { status, type, text }: Page): void {
  response.writeHead(status, { "Content-Type": type, "X-Content-Type-Options": "nosniff" });
  response.end(text);
}
