import { createHash } from "node:crypto";
import { hasReason, StatusError, unlessGone } from "../../apimachinery/status-error.ts";
import { isSameSecret } from "../../auth/authentication/static-tokens.ts";
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../lib/clock.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { secretResource } from "../../resources/core/secret.ts";
import { serviceResource } from "../../resources/core/service.ts";
import { endpointSliceResource } from "../../resources/discovery/endpoint-slice.ts";
import type { Node, Secret } from "../../resources/types.ts";

const NAMESPACE = "kube-system";
/** A machine that has joined makes its Node within this time; from then on the Node itself keeps the name. */
const REGISTRATION_MS = 10 * 60_000;

/**
 * Keeps the names of nodes to the machines that joined under them: the first join leaves the hash of a password that only the
 * machine knows, and later ones must know it too. When its Node has been deleted a name is free again.
 */
export class NodePasswords {
  readonly #client: Client;
  readonly #clock: Clock;

  /** The client must be able to read and write Secrets of kube-system and to read nodes. */
  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Throws a 403 when the name belongs to another machine. */
  async claim(nodeName: string, password: string): Promise<void> {
    const secrets = this.#client.for(secretResource);
    const name = secretName(nodeName);
    const hash = createHash("sha256").update(password).digest("hex");
    const known = await unlessGone(secrets.get(NAMESPACE, name));
    if (known !== undefined && isSameSecret(hashOf(known), hash)) return;
    const node = await unlessGone(this.#client.for(nodeResource).get("", nodeName));
    const isFree = node === undefined && (known === undefined || Date.parse(known.metadata.creationTimestamp ?? "") + REGISTRATION_MS < this.#clock.now());
    if (!isFree) throw taken(nodeName);
    if (known !== undefined) await unlessGone(secrets.delete(NAMESPACE, name, { preconditions: { uid: known.metadata.uid ?? "" } }));
    try {
      await secrets.create({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name, namespace: NAMESPACE },
        type: "Opaque",
        immutable: true,
        data: { hash: Buffer.from(hash).toString("base64") },
      });
    } catch (error) {
      // Two machines at the same moment: one of them has the name.
      throw hasReason(error, "AlreadyExists") ? taken(nodeName) : error;
    }
  }

  /** An address is good in a certificate for this node unless the API itself, a Service or another node that is alive has it. */
  async checkAddresses(nodeName: string, addresses: readonly string[]): Promise<void> {
    const nodes = (await this.#client.for(nodeResource).list("")).items.filter((node) => node.metadata.name !== nodeName && isReady(node));
    const services = (await this.#client.for(serviceResource).list("")).items;
    const own = (await this.#client.for(endpointSliceResource).list("default", { labelSelector: "kubernetes.io/service-name=kubernetes" })).items;
    const used = new Set([
      ...nodes.flatMap(({ status }) => (status?.addresses ?? []).map(({ address }) => address)),
      ...services.flatMap(({ spec }) => spec?.clusterIPs ?? []),
      ...own.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((endpoint) => endpoint.addresses)),
    ]);
    const found = addresses.find((address) => used.has(address));
    if (found !== undefined)
      throw new StatusError("Forbidden", `the address ${found} is somebody else's in this cluster; give this machine its own with --node-ip`, {});
  }
}

function isReady({ status }: Node): boolean {
  return (status?.conditions ?? []).some(({ type, status: value }) => type === "Ready" && value === "True");
}

function secretName(nodeName: string): string {
  return `${nodeName}.node-password.mainstay.dev`;
}

function hashOf(secret: Secret): string {
  return Buffer.from(secret.data?.["hash"] ?? "", "base64").toString("utf8");
}

function taken(nodeName: string): StatusError {
  return new StatusError(
    "Forbidden",
    `the name ${JSON.stringify(nodeName)} belongs to another machine: give this one another --node-name, or delete the Node and the Secret ${NAMESPACE}/${secretName(nodeName)} if that machine is gone`,
    {},
  );
}
