import { rawClient, type RawAnswer } from "./raw-https.ts";
import { createTestNamespace } from "./test-api.ts";
import { startTestListener, type TestListener } from "./test-listener.ts";

/**
 * Answers of a kube-apiserver 1.36 to odd requests, as far as clients read them: reasons, causes and texts.
 * Each probe says what is the same there and here.
 */
export interface Probe {
  readonly name: string;
  readonly request: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: number;
  /** A part of the answer's JSON. */
  readonly answer?: object;
  readonly text?: string;
}

/** A listener with a namespace `wire`, and an administrator who asks it over the wire. */
export interface Wire {
  readonly api: TestListener;
  /** `target` is method and path. */
  readonly send: (target: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<RawAnswer>;
  stop(): Promise<void>;
}

export const MAPS = "/api/v1/namespaces/wire/configmaps";
export const map = (name: string, more: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { a: "1" }, ...more });
export const status = (code: number, reason: string, message: string, details?: object) => ({
  code,
  answer: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, ...(details === undefined ? {} : { details }), code },
});
export const cause = (reason: string, message: string, field: string) => ({ reason, message, field });

export async function startWire(): Promise<Wire> {
  const api = await startTestListener({ minRequestTimeoutSeconds: 1 });
  await createTestNamespace(api.client, "wire");
  const admin = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
  return {
    api,
    send(target, body, headers = {}) {
      const [method = "GET", path = "/"] = target.split(" ");
      const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      return admin.send(path, { method, headers: { ...(text === undefined ? {} : { "content-type": "application/json" }), ...headers }, ...(text === undefined ? {} : { body: text }) });
    },
    async stop() {
      admin.close();
      await api.stop();
    },
  };
}
