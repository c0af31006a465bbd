import type { TLSSocket } from "node:tls";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { withAuthenticatedGroup, type ClientCertificate, type Credentials } from "../../auth/authenticate.ts";
import { requireAllowed, type Authorizer } from "../../auth/authorize.ts";

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What node gives us of a request; on HTTP/2 the connection is that of the session. */
export interface RawRequest {
  readonly socket: unknown;
  readonly stream?: { readonly session?: { readonly socket: unknown } | undefined };
}

/** A connection's certificate does not change: it is read once. */
const certificates = new WeakMap<object, ClientCertificate | "none">();

/** What a client has shown of itself. Throws 401 for an authorization that is not a bearer token. */
export function credentialsOf(raw: RawRequest, headers: Headers): Credentials {
  const session = raw.stream?.session;
  const connection = (session ?? raw.socket) as object; // either is an object that lives as long as the connection
  let certificate = certificates.get(connection);
  if (certificate === undefined) certificates.set(connection, (certificate = readPeer((session?.socket ?? raw.socket) as Partial<TLSSocket>)));
  const authorization = headers["authorization"];
  const bearer = typeof authorization === "string" ? /^bearer +(\S+)$/i.exec(authorization.trim())?.[1] : undefined;
  if (authorization !== undefined && bearer === undefined) throw new StatusError("Unauthorized", "Unauthorized");
  return { ...(certificate === "none" ? {} : { certificate }), ...(bearer === undefined ? {} : { bearer }) };
}

function readPeer(socket: Partial<TLSSocket>): ClientCertificate | "none" {
  const peer = socket.getPeerCertificate?.();
  // Without a certificate node answers an empty object.
  if (peer === undefined || Object.keys(peer).length === 0) return "none";
  const { CN, O } = peer.subject as { readonly CN?: string | readonly string[]; readonly O?: string | readonly string[] }; // repeated names come as lists
  return {
    commonName: [CN ?? ""].flat()[0] ?? "",
    organizations: O === undefined ? [] : [O].flat(),
    fingerprint: (peer.fingerprint256 ?? "").replaceAll(":", "").toLowerCase(),
    isTrusted: socket.authorized === true,
  };
}

/** The user that `Impersonate-*` headers ask for, when the caller may be that user; else the caller. */
export async function impersonate(caller: UserInfo, headers: Headers, authorizer: Authorizer): Promise<UserInfo> {
  const username = one(headers["impersonate-user"]);
  const groups = many(headers["impersonate-group"]);
  const uid = one(headers["impersonate-uid"]);
  const extra = Object.entries(headers).filter(([name]) => name.startsWith(EXTRA_PREFIX)).map(([name, value]) => [decodeURIComponent(name.slice(EXTRA_PREFIX.length)), many(value)] as const);
  if (username === undefined) {
    if (groups.length === 0 && uid === undefined && extra.length === 0) return caller;
    throw new StatusError("BadRequest", "requested impersonation of groups, uid or extra without impersonating a user");
  }
  const asked = [
    { group: "", resource: "users", name: username },
    ...groups.map((name) => ({ group: "", resource: "groups", name })),
    ...(uid === undefined ? [] : [{ group: "authentication.k8s.io", resource: "uids", name: uid }]),
    ...extra.flatMap(([key, values]) => values.map((name) => ({ group: "authentication.k8s.io", resource: "userextras", subresource: key, name }))),
  ];
  for (const one of asked) {
    await requireAllowed(authorizer, { is: "resource" as const, user: caller, verb: "impersonate", namespace: "", ...one });
  }
  return withAuthenticatedGroup({ username, groups, ...(uid === undefined ? {} : { uid }), ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }) });
}

const EXTRA_PREFIX = "impersonate-extra-";

function one(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

/** Repeated headers arrive joined by commas; group names hold none. */
function many(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : [value].flat().flatMap((part) => part.split(",")).map((part) => part.trim()).filter((part) => part !== "");
}
