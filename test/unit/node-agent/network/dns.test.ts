import { describe, expect, it } from "vitest";
import { decideAnswer } from "../../../../node-agent/network/dns-answer.ts";
import { computeDnsRecords } from "../../../../node-agent/network/dns-records.ts";
import type { EndpointSlice, Service } from "../../../../engine/resources/types.ts";

const domain = "cluster.local";

function service(name: string, spec: Partial<NonNullable<Service["spec"]>>): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec } as Service;
}

const records = computeDnsRecords(
  [
    service("web", { clusterIP: "10.43.0.9", ports: [{ name: "http", port: 80, protocol: "TCP" }] }),
    service("db", { clusterIP: "None", ports: [{ name: "pg", port: 5432, protocol: "TCP" }] }),
    service("both", { clusterIP: "10.43.0.8", clusterIPs: ["10.43.0.8", "FD00:43:0::8"], ports: [{ name: "http", port: 80, protocol: "TCP" }] }),
    service("six", { clusterIP: "None", ports: [] }),
    service("mail", { type: "ExternalName", externalName: "smtp.example.org." }),
  ],
  [
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      addressType: "IPv4",
      metadata: { name: "db-1", namespace: "shop", labels: { "kubernetes.io/service-name": "db" } },
      endpoints: [
        { addresses: ["10.42.0.5"], hostname: "db-0", conditions: { ready: true } },
        { addresses: ["10.42.0.6"], conditions: { ready: true } },
        { addresses: ["10.42.0.7"], conditions: { ready: false } },
      ],
      ports: [{ name: "pg", port: 5432, protocol: "TCP" }],
    } as EndpointSlice,
    ...["IPv4", "IPv6"].map(
      (addressType) =>
        ({
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          addressType,
          metadata: { name: `six-${addressType}`, namespace: "shop", labels: { "kubernetes.io/service-name": "six" } },
          endpoints: addressType === "IPv4" ? [{ addresses: ["10.42.0.9"], hostname: "six-0" }] : [{ addresses: ["fd00:42::9"], hostname: "six-0" }, { addresses: ["fd00:42::a"] }],
        }) as EndpointSlice,
    ),
  ],
  domain,
);

function ask(name: string, type: "A" | "AAAA" | "SRV" | "PTR" | "CNAME" = "A", turn = 0) {
  const decision = decideAnswer({ name, type }, records, domain, turn);
  return decision.do === "forward" ? "forward" : { rcode: decision.rcode, data: decision.answers.map((answer) => ("data" in answer ? answer.data : undefined)) };
}

describe("cluster DNS", () => {
  it.each<[string, Parameters<typeof ask>, ReturnType<typeof ask>]>([
    ["answers a Service with its cluster address", ["web.shop.svc.cluster.local"], { rcode: 0, data: ["10.43.0.9"] }],
    ["ignores case", ["Web.Shop.SVC.cluster.local"], { rcode: 0, data: ["10.43.0.9"] }],
    ["answers a headless Service with its ready endpoints", ["db.shop.svc.cluster.local"], { rcode: 0, data: ["10.42.0.5", "10.42.0.6"] }],
    ["rotates them", ["db.shop.svc.cluster.local", "A", 1], { rcode: 0, data: ["10.42.0.6", "10.42.0.5"] }],
    ["knows endpoints by their hostname", ["db-0.db.shop.svc.cluster.local"], { rcode: 0, data: ["10.42.0.5"] }],
    ["and by their address", ["10-42-0-6.db.shop.svc.cluster.local"], { rcode: 0, data: ["10.42.0.6"] }],
    ["leaves unready endpoints out", ["10-42-0-7.db.shop.svc.cluster.local"], { rcode: 3, data: [] }],
    ["answers pods by their dashed address", ["10-42-0-9.shop.pod.cluster.local"], { rcode: 0, data: ["10.42.0.9"] }],
    ["names what an ExternalName stands for", ["mail.shop.svc.cluster.local", "CNAME"], { rcode: 0, data: ["smtp.example.org"] }],
    ["gives an empty answer for another type of an existing name", ["web.shop.svc.cluster.local", "AAAA"], { rcode: 0, data: [] }],
    ["gives an empty answer for a namespace", ["shop.svc.cluster.local"], { rcode: 0, data: [] }],
    ["gives a name error for an unknown Service", ["none.shop.svc.cluster.local"], { rcode: 3, data: [] }],
    ["points back to a Service", ["9.0.43.10.in-addr.arpa", "PTR"], { rcode: 0, data: ["web.shop.svc.cluster.local"] }],
    ["answers each family with its own address", ["both.shop.svc.cluster.local"], { rcode: 0, data: ["10.43.0.8"] }],
    ["answers IPv6 with the canonical one", ["both.shop.svc.cluster.local", "AAAA"], { rcode: 0, data: ["fd00:43::8"] }],
    ["points back to a Service by its address of IPv6", [`8.${"0.".repeat(20)}0.0.0.3.4.0.0.0.0.d.f.ip6.arpa`, "PTR"], { rcode: 0, data: ["both.shop.svc.cluster.local"] }],
    ["answers endpoints of both families under one hostname", ["six-0.six.shop.svc.cluster.local", "AAAA"], { rcode: 0, data: ["fd00:42::9"] }],
    ["and of the other family", ["six-0.six.shop.svc.cluster.local"], { rcode: 0, data: ["10.42.0.9"] }],
    ["answers a headless Service with its endpoints of IPv6", ["six.shop.svc.cluster.local", "AAAA"], { rcode: 0, data: ["fd00:42::9", "fd00:42::a"] }],
    ["knows endpoints by their address of IPv6", ["fd00-42--a.six.shop.svc.cluster.local", "AAAA"], { rcode: 0, data: ["fd00:42::a"] }],
    ["answers pods by their dashed address of IPv6", ["fd00-42--9.shop.pod.cluster.local", "AAAA"], { rcode: 0, data: ["fd00:42::9"] }],
    ["forwards what is not ours", ["example.org"], "forward"],
    ["forwards unknown pointers", ["1.1.1.1.in-addr.arpa", "PTR"], "forward"],
  ])("%s", (_name, question, expected) => {
    expect(ask(...question)).toEqual(expected);
  });

  it("knows which names are above others without a walk over all of them", () => {
    const addresses = new Map(records.addresses);
    for (const walk of ["keys", "entries", "values", "forEach", Symbol.iterator] as const) Object.defineProperty(addresses, walk, { value: () => expect.fail("all names were looked at") });
    const rcodeOf = (name: string) => {
      const decision = decideAnswer({ name, type: "A" }, { ...records, addresses }, domain, 0);
      return decision.do === "answer" ? decision.rcode : "forwarded";
    };
    expect(["none.shop.svc.cluster.local", "shop.svc.cluster.local", "hop.svc.cluster.local", "cluster.local", "x.db-0.db.shop.svc.cluster.local"].map(rcodeOf)).toEqual([3, 0, 3, 0, 3]);
  });

  it("follows an ExternalName to its addresses, out of the cluster too: programs do not", () => {
    const external = (name: string, externalName: string) => ({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec: { type: "ExternalName", externalName } }) as Service;
    const web = { apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" }, spec: { clusterIP: "10.43.0.9", clusterIPs: ["10.43.0.9"], ports: [{ port: 80 }] } } as Service;
    const aliases = computeDnsRecords(
      [web, external("inside", "web.shop.svc.cluster.local"), external("far", "inside.shop.svc.cluster.local"), external("out", "Example.org."), external("circle", "circle.shop.svc.cluster.local")],
      [],
      domain,
    );
    const decide = (name: string) => decideAnswer({ name: `${name}.shop.svc.cluster.local`, type: "A" }, aliases, domain, 0);
    expect(decide("far")).toMatchObject({
      do: "answer",
      rcode: 0,
      answers: [
        { type: "CNAME", data: "inside.shop.svc.cluster.local" },
        { type: "CNAME", data: "web.shop.svc.cluster.local" },
        { type: "A", name: "web.shop.svc.cluster.local", data: "10.43.0.9" },
      ],
    });
    expect(decide("out")).toMatchObject({ do: "forward", name: "example.org", aliases: [{ type: "CNAME", name: "out.shop.svc.cluster.local", data: "example.org" }] });
    expect(decide("circle")).toMatchObject({ do: "answer", rcode: 0 });
  });

  it("answers SRV with port and target", () => {
    expect(ask("_http._tcp.web.shop.svc.cluster.local", "SRV")).toMatchObject({ data: [{ port: 80, target: "web.shop.svc.cluster.local" }] });
    expect(ask("_pg._tcp.db.shop.svc.cluster.local", "SRV")).toMatchObject({
      data: [
        { port: 5432, target: "db-0.db.shop.svc.cluster.local" },
        { port: 5432, target: "10-42-0-6.db.shop.svc.cluster.local" },
      ],
    });
  });
});

it("answers with addresses as Kubernetes reads them, and takes no name for one that is written otherwise", () => {
  const odd = computeDnsRecords(
    [service("old", { clusterIP: "None", ports: [] })],
    [
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        addressType: "IPv4",
        metadata: { name: "old-1", namespace: "shop", labels: { "kubernetes.io/service-name": "old" } },
        endpoints: [{ addresses: ["010.42.0.5"] }],
      } as EndpointSlice,
    ],
    domain,
  );
  const answer = (name: string) => decideAnswer({ name, type: "A" }, odd, domain, 0);
  expect(answer(`old.shop.svc.${domain}`)).toMatchObject({ answers: [{ data: "10.42.0.5" }] });
  expect(answer(`010-42-0-5.shop.pod.${domain}`)).not.toMatchObject({ answers: [{ data: expect.anything() as unknown }] });
});
