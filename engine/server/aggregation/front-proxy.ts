import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { KeyPair } from "../../auth/certificates.ts";
import type { Dial } from "../../lib/net/dial.ts";
import { writeHeaderText } from "../../lib/header-text.ts";
import { tlsServerName } from "../../lib/net/ip-address.ts";
import type { APIService } from "../../resources/types.ts";
import type { WebhookClientOptions } from "../webhooks/webhook-client.ts";
import type { ProxyTarget } from "../proxy/proxy-target.ts";

/** By what API servers behind this one know that it is this one. */
export interface FrontProxyIdentity {
  /** The certificate that is shown; absent when there is none. */
  readonly certificate?: () => Promise<KeyPair>;
  readonly resolveService: WebhookClientOptions["resolveService"];
  /** How they are connected to; directly when absent. */
  readonly dial?: Dial | undefined;
  /** Whether these servers may send clients elsewhere; they may not when absent. */
  readonly allowsRedirects?: boolean;
}

/** Who asks, in the headers that extension-apiserver-authentication announces. */
export function userHeaders({ username, uid, groups, extra = {} }: UserInfo): Readonly<Record<string, string | readonly string[]>> {
  const more = Object.entries(extra).map(([key, values]) => [`x-remote-extra-${encodeExtraKey(key)}`, values.map(writeHeaderText)] as const);
  return {
    "x-remote-user": writeHeaderText(username),
    ...(uid ? { "x-remote-uid": writeHeaderText(uid) } : {}),
    "x-remote-group": groups.map(writeHeaderText),
    ...Object.fromEntries(more),
  };
}

/** Keys may hold what names of headers may not. */
function encodeExtraKey(key: string): string {
  return key.replace(/[^A-Za-z0-9!#$&'*+\-.^_`|~]/g, (letter) =>
    [...Buffer.from(letter)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/** Where a request of a user for this part of the API goes. Rejects with an Error when its Service has no ready end. */
export async function aggregationTarget(
  { spec, metadata }: APIService,
  user: UserInfo,
  path: string,
  { certificate, resolveService, dial, allowsRedirects = false }: FrontProxyIdentity,
): Promise<ProxyTarget> {
  const { namespace = "", name = "", port = 443 } = spec.service ?? {};
  const { host, port: endPort } = await resolveService({ namespace, name, port });
  const pair = await certificate?.();
  const serverName = `${name}.${namespace}.svc`;
  return {
    description: `APIService ${metadata.name ?? ""}`,
    scheme: "https",
    host,
    port: endPort,
    path,
    isAgent: false,
    dial,
    isRedirectRefused: !allowsRedirects,
    tls: {
      servername: tlsServerName(serverName),
      rejectUnauthorized: spec.insecureSkipTLSVerify !== true,
      ...(spec.caBundle ? { ca: Buffer.from(spec.caBundle, "base64").toString("utf8") } : {}),
      ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.key }),
    },
    headers: userHeaders(user),
  };
}
