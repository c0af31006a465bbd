import { Agent, request } from "node:https";
import type { KeyPair } from "../../engine/auth/certificates.ts";
import type { ClusterPki } from "../../engine/auth/cluster-pki.ts";

export interface RawAnswer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

export interface RawOptions {
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request after the other, exactly as written: for what no client library would send. The user's certificate is made by the cluster's authority, unless it is given. */
export async function rawClient(url: string, pki: ClusterPki, user: { readonly commonName: string; readonly organizations: readonly string[] } | KeyPair | undefined) {
  const credentials = user === undefined || "certificate" in user ? user : await pki.certificate(`raw-${user.commonName.replace(/\W/g, "-")}`, { ...user, usage: "client" });
  const agent = new Agent({ ca: pki.ca, keepAlive: true, ...(credentials === undefined ? {} : { cert: credentials.certificate, key: credentials.key }) });
  const send = (path: string, { method = "GET", body, headers = {} }: RawOptions = {}): Promise<RawAnswer> =>
    new Promise((resolve, reject) => {
      const outgoing = request(url, { path, method, agent, headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }) } }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          resolve({ code: response.statusCode ?? 0, headers: response.headers, body: bytes, text: bytes.toString("utf8") });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  return { send, close: () => agent.destroy() };
}
