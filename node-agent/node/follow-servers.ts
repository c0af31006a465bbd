import { existsSync, readFileSync } from "node:fs";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { ServerList } from "../../engine/client/server-list.ts";
import { hostAndPort } from "../../engine/lib/net/ip-address.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { writeWholeFile } from "../../engine/lib/whole-file.ts";
import { endpointSliceResource } from "../../engine/resources/discovery/endpoint-slice.ts";
import type { EndpointSlice } from "../../engine/resources/types.ts";

/** The servers of the cluster that a node has joined, and where they are written down for its next start. */
export interface KnownServers {
  readonly list: ServerList;
  /** The one that the node was told of: it is asked first, since it may stand for all of them. */
  readonly first: string;
  readonly file: string;
}

/** Beside the kubeconfig of a node that has joined. */
export const SERVERS_FILE = "servers.json";

/** What earlier runs learned; the one that the node was told of comes first. */
export function readServers(file: string, first: string): readonly [string, ...string[]] {
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as readonly string[]) : []; // written by followServers
  return [first, ...known.filter((url) => url !== first)];
}

/** The URLs of the cluster's servers: the endpoints of default/kubernetes. Pure. */
export function serverUrls(slices: readonly EndpointSlice[]): readonly string[] {
  const own = slices.filter(({ metadata }) => metadata.namespace === "default" && metadata.labels?.["kubernetes.io/service-name"] === "kubernetes");
  return own
    .flatMap(({ endpoints, ports }) =>
      (endpoints ?? []).flatMap(({ addresses }) => addresses.map((address) => `https://${hostAndPort(address, ports?.[0]?.port ?? 443)}`)),
    )
    .sort();
}

/** Keeps the list of servers true while the cluster's servers come and go. */
export function followServers(informers: InformerFactory, { list, first, file }: KnownServers, logger: Logger): void {
  const slices = informers.informer(endpointSliceResource);
  let written = "";
  const look = () => {
    const urls = serverUrls(slices.list("default"));
    // Nobody is left to tell us of, or nobody says where it is: what is known may still help.
    if (urls.length === 0) return;
    list.follow([...new Set([first, ...urls])]);
    const text = JSON.stringify(urls);
    if (text === written) return;
    writeWholeFile(file, text);
    written = text;
    logger.info("the cluster's servers", { servers: urls });
  };
  const isOurs = ({ metadata }: EndpointSlice) => metadata.labels?.["kubernetes.io/service-name"] === "kubernetes";
  const changed = (slice: EndpointSlice) => {
    if (isOurs(slice)) look();
  };
  slices.addHandler({ add: changed, update: (_old, slice) => changed(slice), delete: changed });
}
