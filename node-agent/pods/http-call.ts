import { request as httpsRequest } from "node:https";
import { http } from "../../engine/lib/late-modules.ts";
import type { Container, HTTPGetAction } from "../../engine/resources/types.ts";

/** Where and as whom to ask a container. */
export interface HttpCall {
  readonly action: HTTPGetAction;
  readonly container: Container;
  readonly podIp: string;
  /** For the whole answer: a server that sends a byte now and then is not well. */
  readonly timeoutMs: number;
  /** What probes and hooks call themselves; servers tell them apart by it. */
  readonly agent: "kube-probe" | "kube-lifecycle";
}

/** A GET as probes and hooks make it, and the code of the answer. Certificates are not checked: pods have them from anybody. Rejects without an answer. */
export function callContainer({ action, container, podIp, timeoutMs, agent }: HttpCall): Promise<number> {
  const isTls = action.scheme === "HTTPS";
  const host = action.host || podIp;
  const headers = Object.fromEntries((action.httpHeaders ?? []).map((header) => [header.name, header.value]));
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(timeoutMs);
    const outgoing = (isTls ? httpsRequest : http.request)(
      {
        host, port: portNumber(action.port, container), path: action.path || "/", headers: { "user-agent": `${agent}/1.36`, accept: "*/*", connection: "close", ...headers }, signal: late,
        // Small servers end their lines without a carriage return, and upstream's client does not mind.
        insecureHTTPParser: true,
        ...(isTls ? { rejectUnauthorized: false } : {}),
      },
      (response) => {
        response.on("error", () => {}).resume();
        resolve(response.statusCode ?? 0);
      },
    );
    outgoing.on("error", (error) => reject(new Error(`Get "${isTls ? "https" : "http"}://${host}:${action.port}${action.path ?? "/"}": ${late.aborted ? `no answer within ${timeoutMs / 1000} s` : error.message}`)));
    outgoing.end();
  });
}

/** The number of a port that may be given by its name in the container. Throws for a name that it has not. */
export function portNumber(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find((candidate) => candidate.name === port)?.containerPort;
  if (named === undefined) throw new Error(`the container has no port named "${port}"`);
  return named;
}
