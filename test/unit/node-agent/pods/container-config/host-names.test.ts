import { describe, expect, it } from "vitest";
import type { Pod } from "../../../../../engine/resources/types.ts";
import { hostsFile, kernelHostname } from "../../../../../node-agent/pods/container-config/host-names.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web-1", namespace: "shop", uid: "u", labels: { app: "web" } }, spec: { containers: [] } };

describe("a pod's own names", () => {
  const named = (spec: object): Pod => ({ ...pod, metadata: { name: "web-1", namespace: "shop" }, spec: { containers: [], ...spec } });
  const lines = (spec: object) => hostsFile(named(spec), ["10.42.0.7", "fd00::7"], "cluster.local", "127.0.0.1 localhost\n10.0.0.1 the-node\n").split("\n");

  it("are in its hosts file: its hostname, with a subdomain the long form before it, and what it adds", () => {
    expect(lines({})).toEqual([
      "# Kubernetes-managed hosts file.",
      "127.0.0.1\tlocalhost",
      "::1\tlocalhost ip6-localhost ip6-loopback",
      "fe00::0\tip6-localnet",
      "fe00::0\tip6-mcastprefix",
      "fe00::1\tip6-allnodes",
      "fe00::2\tip6-allrouters",
      "10.42.0.7\tweb-1",
      "fd00::7\tweb-1",
      "",
    ]);
    expect(lines({ hostname: "db", subdomain: "dbs", hostAliases: [{ ip: "1.2.3.4", hostnames: ["a", "b"] }] }).slice(7)).toEqual([
      "10.42.0.7\tdb.dbs.shop.svc.cluster.local\tdb",
      "fd00::7\tdb.dbs.shop.svc.cluster.local\tdb",
      "",
      "# Entries added by HostAliases.",
      "1.2.3.4\ta\tb",
      "",
    ]);
  });

  it("are not given to a kernel that would refuse them for their length", () => {
    const kernelName = (name: string) => kernelHostname({ ...named({ setHostnameAsFQDN: true, subdomain: "dbs" }), metadata: { name, namespace: "shop" } }, "cluster.local");
    expect(kernelName("a".repeat(37))).toHaveLength(64);
    expect(() => kernelName("a".repeat(38))).toThrow(
      /^failed to construct FQDN from pod hostname and cluster domain, FQDN a+\.dbs\.shop\.svc\.cluster\.local is too long \(64 characters is the max, 65 characters requested\)$/,
    );
  });

  it("are the node's on the node's network", () => {
    expect(lines({ hostNetwork: true, hostAliases: [{ ip: "1.2.3.4", hostnames: ["a"] }] })).toEqual([
      "# Kubernetes-managed hosts file (host network).",
      "127.0.0.1 localhost",
      "10.0.0.1 the-node",
      "",
      "# Entries added by HostAliases.",
      "1.2.3.4\ta",
      "",
    ]);
  });

  it("are told to the kernel in the form it asks for", () => {
    expect(kernelHostname(named({ hostname: "db", subdomain: "dbs" }), "cluster.local")).toBe("db");
    expect(kernelHostname(named({ subdomain: "dbs", setHostnameAsFQDN: true }), "cluster.local")).toBe("web-1.dbs.shop.svc.cluster.local");
    expect(kernelHostname(named({ hostnameOverride: "any.where", hostname: "db", setHostnameAsFQDN: true, subdomain: "dbs" }), "cluster.local")).toBe("any.where");
    expect(kernelHostname({ ...named({}), metadata: { name: `${"a".repeat(62)}-b` } }, "cluster.local")).toBe("a".repeat(62));
  });
});
