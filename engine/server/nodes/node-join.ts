import { isIP } from "node:net";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import { canonicalAddress } from "../../lib/net/ip-address.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";
import { JOINERS_GROUP, MASTERS_GROUP, nodeNameOf, NODES_GROUP, nodeUsername } from "../../apimachinery/known-users.ts";
import type { PkiRequest } from "../../auth/cluster-pki.ts";

/** Signs requests in the name of the cluster; ClusterPki does. */
export interface CertificateSigner {
  readonly ca: string;
  sign(requestPem: string, request: PkiRequest): Promise<string>;
}

export interface JoinAnswer {
  /** Proves to the API server that the agent is this node. */
  readonly certificate: string;
  /** Proves to the API server that it has reached this node; present when a request for it was sent. */
  readonly servingCertificate?: string;
  readonly ca: string;
}

/** Keeps every node's name to the machine that joined under it first; NodePasswords does. */
export interface NodeNames {
  claim(nodeName: string, password: string): Promise<void>;
  /** Throws a 403 when one of the addresses is that of somebody else in the cluster. */
  checkAddresses(nodeName: string, addresses: readonly string[]): Promise<void>;
}

/**
 * Gives a machine its certificates. A join token may ask in the name of any node that no other machine has; a node that has
 * joined may renew its own. Whatever the requests say, the certificates say node and group.
 */
export async function joinNode(user: UserInfo, body: unknown, signer: CertificateSigner, names: NodeNames, remoteAddress?: string): Promise<JoinAnswer> {
  const { nodeName, nodePassword, csr, servingCsr, addresses } = parseJoin(body);
  const own = nodeNameOf(user);
  const mayName = own === undefined ? user.groups.includes(JOINERS_GROUP) || user.groups.includes(MASTERS_GROUP) : own === nodeName;
  if (!mayName)
    throw new StatusError("Forbidden", `User ${JSON.stringify(user.username)} cannot ask for the certificate of node ${JSON.stringify(nodeName)}`, {});
  if (own === undefined) await names.claim(nodeName, requiredPassword(nodePassword));
  const commonName = nodeUsername(nodeName);
  const sign = async (request: string, what: PkiRequest) => {
    try {
      return await signer.sign(request, what);
    } catch (error) {
      throw badRequest(error instanceof Error ? error.message : String(error));
    }
  };
  const certificate = await sign(csr, { commonName, organizations: [NODES_GROUP], usage: "client" });
  if (servingCsr === undefined) return { certificate, ca: signer.ca };
  await names.checkAddresses(
    nodeName,
    addresses.filter((address) => !isCallersOwn(address, remoteAddress)),
  );
  const servingCertificate = await sign(servingCsr, {
    commonName,
    organizations: [NODES_GROUP],
    usage: "serving",
    dnsNames: [nodeName],
    ipAddresses: addresses,
  });
  return { certificate, servingCertificate, ca: signer.ca };
}

/** Where a machine calls from is its address; one that calls from our own machine has all of ours. */
function isCallersOwn(address: string, remoteAddress: string | undefined): boolean {
  return remoteAddress !== undefined && (remoteAddress === address || remoteAddress.startsWith("127.") || remoteAddress === "::1");
}

/** With a certificate in such a name a machine could pass for the API server. */
function isNameOfServices(nodeName: string): boolean {
  return (
    nodeName === "localhost" ||
    nodeName === "kubernetes" ||
    nodeName.startsWith("kubernetes.") ||
    /(^|\.)(svc|cluster\.local)$/.test(nodeName) ||
    nodeName.includes(".svc.")
  );
}

/** Short ones could be guessed by another machine. */
const PASSWORD_LENGTH_MIN = 16;

function requiredPassword(password: string | undefined): string {
  if (password === undefined || password.length < PASSWORD_LENGTH_MIN)
    throw badRequest(`nodePassword: Required value: a secret of the machine's own, of at least ${PASSWORD_LENGTH_MIN} characters`);
  return password;
}

interface JoinRequest {
  readonly nodeName: string;
  readonly nodePassword: string | undefined;
  readonly csr: string;
  readonly servingCsr: string | undefined;
  readonly addresses: readonly string[];
}

function parseJoin(body: unknown): JoinRequest {
  const source = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>; // every field is checked below
  const { nodeName, nodePassword, csr, servingCsr, addresses = [] } = source;
  if (typeof nodeName !== "string" || nodeName === "") throw badRequest("nodeName: Required value");
  const problem = dnsSubdomainError(nodeName);
  if (problem !== undefined) throw badRequest(`nodeName: Invalid value: ${JSON.stringify(nodeName)}: ${problem}`);
  if (isNameOfServices(nodeName)) throw badRequest(`nodeName: Invalid value: ${JSON.stringify(nodeName)}: Services of the cluster are called so`);
  if (typeof csr !== "string" || csr === "") throw badRequest("csr: Required value: a PEM encoded PKCS #10 request");
  if (nodePassword !== undefined && typeof nodePassword !== "string") throw badRequest("nodePassword: must be a text");
  if (servingCsr !== undefined && typeof servingCsr !== "string") throw badRequest("servingCsr: must be a PEM encoded PKCS #10 request");
  if (!Array.isArray(addresses) || addresses.some((address) => typeof address !== "string" || isIP(address) === 0))
    throw badRequest("addresses: must be a list of IP addresses");
  return { nodeName, nodePassword, csr, servingCsr, addresses: (addresses as readonly string[]).map(canonicalAddress) };
}
