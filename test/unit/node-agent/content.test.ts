import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { notFound } from "../../../engine/apimachinery/status-error.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import type { ConfigMap, Container, Pod, Service } from "../../../engine/resources/types.ts";
import { refusePod } from "../../../node-agent/pods/admission/admit-pod.ts";
import { hostsFile, kernelHostname } from "../../../node-agent/pods/container-config/host-names.ts";
import { expand, expandAll } from "../../../node-agent/pods/container-config/expand.ts";
import { computeEnvironment, podField, resourceField, type EnvironmentSources } from "../../../node-agent/pods/container-config/pod-environment.ts";
import { imageNameFault, normaliseImage } from "../../../node-agent/images/image-name.ts";
import { parseLogLine, readLogs, type LogQuery } from "../../../node-agent/logs/read-logs.ts";
import { writeAtomically } from "../../../node-agent/volumes/atomic-writer.ts";
import { processorMs } from "../../kit/processor-time.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web-1", namespace: "shop", uid: "u", labels: { app: "web" } }, spec: { containers: [] } };

describe("expand", () => {
  it.each([
    ["$(A)", "1"],
    ["x$(A)y$(B)", "x1y2"],
    ["$$(A)", "$(A)"],
    ["$(UNKNOWN)", "$(UNKNOWN)"],
    ["$A", "$A"],
    ["$(A$$", "$(A$"],
    ["$(A)$(", "1$("],
    [")$(A", ")$(A"],
    ["$($(A))", "$($(A))"],
  ])("turns %s into %s", (text, expected) => {
    expect(
      expand(
        text,
        new Map([
          ["A", "1"],
          ["B", "2"],
        ]),
      ),
    ).toBe(expected);
  });

  it("takes no longer for many beginnings of references than for many references", () => {
    const timeOf = (text: string) => {
      return processorMs(() => expand(text, new Map([["A", ""]])));
    };
    timeOf("$(A)".repeat(30_000));
    expect(timeOf("$(".repeat(60_000))).toBeLessThan(20 * timeOf("$(A)".repeat(30_000)) + 50);
  });

  it("makes nothing that is longer than a program can be given", () => {
    const values = new Map([["A", "x".repeat(1000)]]);
    expect(expand("$(A)".repeat(131), values)).toHaveLength(131_000);
    expect(() => expand("$(A)".repeat(132), values)).toThrow("longer than 131072 bytes");
    expect(() =>
      expandAll(
        Array.from({ length: 100 }, () => "$(A)".repeat(131)),
        values,
      ),
    ).toThrow("a command with its variables is longer than");
  });
});

describe("computeEnvironment", () => {
  const sources: EnvironmentSources = {
    configMap: async (_namespace, name) => {
      if (name !== "settings") throw notFound({ group: "", resource: "configmaps" }, name);
      return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { color: "red" } } as ConfigMap;
    },
    secret: async (_namespace, name) => ({ apiVersion: "v1", kind: "Secret", metadata: { name }, data: { key: Buffer.from("s3cret").toString("base64") } }),
    services: () => [
      { apiVersion: "v1", kind: "Service", metadata: { name: "my-db", namespace: "shop" }, spec: { clusterIP: "10.43.0.5", ports: [{ port: 5432, name: "pg" }] } } as Service,
      { apiVersion: "v1", kind: "Service", metadata: { name: "v6", namespace: "shop" }, spec: { clusterIP: "fd00:43::5", ports: [{ port: 80 }] } } as Service,
    ],
    podIps: ["10.42.0.2", "fd00::2"],
    hostIps: ["10.0.0.1", "fd01::1"],
    allocatable: { cpu: "4", memory: "8Gi" },
  };
  const environment = (container: Partial<Container>) => computeEnvironment(pod, { name: "c", ...container } as Container, sources);

  it("lets later values win and see earlier ones", async () => {
    const values = await environment({
      envFrom: [{ prefix: "CFG_", configMapRef: { name: "settings" } }],
      env: [
        { name: "A", value: "$(CFG_color)" },
        { name: "CFG_color", value: "blue" },
        { name: "B", value: "$(CFG_color)" },
      ],
    });
    expect([values.get("A"), values.get("B")]).toEqual(["red", "blue"]);
  });

  it("is refused where it doubles without end, or is larger than a program can be given", async () => {
    const doubled = Array.from({ length: 40 }, (_, index) => ({ name: `V${index + 1}`, value: `$(V${index})$(V${index})` }));
    await expect(environment({ env: [{ name: "V0", value: "x".repeat(1000) }, ...doubled] })).rejects.toThrow("longer than 131072 bytes");
    let reads = 0;
    const large = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "large" }, data: { value: "x".repeat(1_000_000) } } as ConfigMap;
    const envFrom = Array.from({ length: 10 }, (_, index) => ({ prefix: `P${index}_`, configMapRef: { name: "large" } }));
    const compute = (count: number) => computeEnvironment(pod, { name: "c", envFrom: envFrom.slice(0, count) } as Container, { ...sources, configMap: async () => (reads++, large) });
    expect((await compute(5)).size).toBeGreaterThan(5);
    expect(reads).toBe(1);
    await expect(compute(10)).rejects.toThrow("the environment is longer than 8388608 bytes");
  });

  it("knows fields, resources, Secrets and Services", async () => {
    const values = await environment({
      resources: { limits: { cpu: "1500m" } },
      env: [
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } },
        { name: "HOSTS", valueFrom: { fieldRef: { fieldPath: "status.hostIPs" } } },
        { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
        { name: "KEY", valueFrom: { secretKeyRef: { name: "s", key: "key" } } },
      ],
    });
    expect(Object.fromEntries(values)).toMatchObject({
      IP: "10.42.0.2",
      APP: "web",
      CPU: "2",
      KEY: "s3cret",
      MY_DB_SERVICE_HOST: "10.43.0.5",
      MY_DB_SERVICE_PORT_PG: "5432",
      MY_DB_PORT: "tcp://10.43.0.5:5432",
      IPS: "10.42.0.2,fd00::2",
      HOSTS: "10.0.0.1,fd01::1",
      V6_PORT: "tcp://[fd00:43::5]:80",
      V6_SERVICE_HOST: "fd00:43::5",
    });
  });

  it("knows what another container of the pod may use", async () => {
    const proxied = { ...pod, spec: { ...pod.spec, initContainers: [{ name: "proxy", resources: { limits: { memory: "1Gi" } } }] } };
    const asking = (containerName: string) =>
      computeEnvironment(proxied, { name: "c", env: [{ name: "X", valueFrom: { resourceFieldRef: { containerName, resource: "limits.memory", divisor: "1Mi" } } }] }, sources);
    expect((await asking("proxy")).get("X")).toBe("1024");
    await expect(asking("nobody")).rejects.toThrow("container nobody not found");
  });

  it("names what is missing, unless it is optional", async () => {
    await expect(environment({ envFrom: [{ configMapRef: { name: "nope" } }] })).rejects.toThrow('configmap "nope" not found');
    await expect(environment({ env: [{ name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "shape" } } }] })).rejects.toThrow("couldn't find key shape in ConfigMap shop/settings");
    expect((await environment({ envFrom: [{ configMapRef: { name: "nope", optional: true } }] })).has("X")).toBe(false);
  });

  it("counts limits in the divisor, and takes the node's for those not set", () => {
    const container = { name: "c", resources: { limits: { memory: "64Mi" } } } as Container;
    expect(resourceField(pod, container, "limits.memory", "1Mi", {})).toBe("64");
    expect(resourceField(pod, container, "limits.cpu", "1m", { cpu: "2" })).toBe("2000");
    expect(resourceField({ ...pod, spec: { ...pod.spec, resources: { limits: { cpu: "1500m" } } } }, container, "limits.cpu", "1m", { cpu: "2" })).toBe("1500");
    expect(() => podField(pod, "spec.nope", sources)).toThrow("unsupported fieldPath");
  });
});

describe("images", () => {
  it.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["team/app:1", "docker.io/team/app:1"],
    ["registry.example:5000/app", "registry.example:5000/app:latest"],
    ["mainstay.local/web:1", "mainstay.local/web:1"],
    ["app@sha256:abc", "docker.io/library/app@sha256:abc"],
  ])("%s means %s", (image, full) => {
    expect(normaliseImage(image)).toBe(full);
  });

  it.each([
    ["INVALID:image:x", "invalid reference format: repository name (library/INVALID) must be lowercase"],
    ["nginx:1:2", "invalid reference format"],
    ["nginx: 1", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["nginx@sha256:abc", "invalid reference format"],
    ["", "invalid reference format"],
    ["0123456789abcdef".repeat(4), `invalid repository name (${"0123456789abcdef".repeat(4)}), cannot specify 64-byte hexadecimal strings`],
    ["registry.example:5000/team/app_x--y:1.0@sha256:" + "0".repeat(64), undefined],
    ["localhost/app", undefined],
    ["[fd00::1]:5000/app", undefined],
  ])("of %s a registry would say %s", (image, fault) => {
    expect(imageNameFault(image)).toBe(fault);
  });
});

describe("refusePod", () => {
  const wants = (cpu: string, uid: string): Pod => ({
    ...pod,
    metadata: { ...pod.metadata, uid },
    spec: { containers: [{ name: "c", resources: { requests: { cpu } }, ports: [{ containerPort: 80, hostPort: 8080 }] }] },
  });

  it("says what there is too little of", () => {
    expect(refusePod(wants("3", "a"), [wants("2", "b")], { cpu: "4", pods: "10" })?.reason).toBe("OutOfcpu");
    expect(refusePod(wants("1", "a"), [], { cpu: "4", pods: "0" })?.reason).toBe("OutOfpods");
    expect(refusePod(wants("1", "a"), [wants("1", "b")], { cpu: "4", pods: "10" })?.reason).toBe("NodePorts");
    expect(refusePod(wants("1", "a"), [wants("1", "a")], { cpu: "1", pods: "10" })).toBeUndefined();
  });

  it("lets pods share a port of different addresses or protocols", () => {
    const at = (uid: string, hostIP: string, protocol = "TCP"): Pod => ({
      ...pod,
      metadata: { ...pod.metadata, uid },
      spec: { containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 8080, hostIP, protocol }] }] },
    });
    expect(refusePod(at("a", "127.0.0.1"), [at("b", "10.0.0.1"), at("c", "127.0.0.1", "UDP")], { pods: "10" })).toBeUndefined();
    expect(refusePod(at("a", "127.0.0.1"), [at("b", "0.0.0.0")], { pods: "10" })?.message).toBe("Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
  });
});

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

describe("files", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), "content-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = (text: string, mode = 0o644) => ({ content: Buffer.from(text), mode });

  it("switch all at once, keep their visible names, and change only when the content does", () => {
    const volume = path.join(folder, "v");
    const files = () =>
      new Map([
        ["a", file("1")],
        ["dir/b", file("2", 0o400)],
      ]);
    expect(writeAtomically(volume, files(), undefined)).toBe(true);
    const first = readlinkSync(path.join(volume, "..data"));
    expect(readlinkSync(path.join(volume, "a"))).toBe("..data/a");
    expect(statSync(path.join(volume, "dir/b")).mode & 0o777).toBe(0o400);
    expect(writeAtomically(volume, files(), undefined)).toBe(false);
    expect(writeAtomically(volume, new Map([["a", file("3")]]), undefined)).toBe(true);
    expect(readFileSync(path.join(volume, "a"), "utf8")).toBe("3");
    expect(readdirSync(volume).filter((name) => !name.startsWith(".."))).toEqual(["a"]);
    expect(readlinkSync(path.join(volume, "..data"))).not.toBe(first);
    expect(readdirSync(volume).filter((name) => name.startsWith("..new-"))).toHaveLength(1);
  });

  it("are made in their folder alone, wherever somebody in it made their link lead to", () => {
    const volume = path.join(folder, "v");
    const elsewhere = path.join(folder, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, "precious"), "");
    writeAtomically(volume, new Map([["a", file("1")]]), undefined);
    for (const target of ["../elsewhere", elsewhere, "..new-mine"]) {
      symlinkSync(elsewhere, path.join(volume, "..new-mine"));
      unlinkSync(path.join(volume, "..data"));
      symlinkSync(target, path.join(volume, "..data"));
      expect(writeAtomically(volume, new Map([["a", file(target)]]), undefined)).toBe(true);
      expect(readFileSync(path.join(volume, "a"), "utf8")).toBe(target);
      expect(readdirSync(elsewhere)).toEqual(["precious"]);
    }
  });

  it("have their visible names, also after an agent that died before it made these", () => {
    const volume = path.join(folder, "volume");
    const files = new Map([["a", file("1")]]);
    writeAtomically(volume, files, undefined);
    unlinkSync(path.join(volume, "a"));
    expect(writeAtomically(volume, files, undefined)).toBe(false);
    expect(readFileSync(path.join(volume, "a"), "utf8")).toBe("1");
  });

  it("are written after a write that was broken off, which leaves nothing", () => {
    const volume = path.join(folder, "v");
    writeAtomically(volume, new Map([["a", file("1")]]), undefined);
    mkdirSync(path.join(volume, "..new-half"));
    symlinkSync("..new-half", path.join(volume, "..data.tmp"));
    expect(writeAtomically(volume, new Map([["a", file("2")]]), undefined)).toBe(true);
    expect(readFileSync(path.join(volume, "a"), "utf8")).toBe("2");
    expect(readdirSync(volume).sort()).toEqual(["..data", readlinkSync(path.join(volume, "..data")), "a"]);
  });

  const all: LogQuery = { follow: false, timestamps: false, sinceMs: undefined, tailLines: undefined, limitBytes: undefined, stream: "All" };
  const read = async (query: Partial<LogQuery>) => {
    const log = path.join(folder, "0.log");
    writeFileSync(log, ["2026-01-01T00:00:00.5Z stdout F one", "2026-01-01T00:00:01Z stderr F two", "2026-01-01T00:00:02Z stdout P thr", "2026-01-01T00:00:02Z stdout F ee", ""].join("\n"));
    let text = "";
    for await (const part of readLogs(log, { ...all, ...query }, systemClock, async () => false, new AbortController().signal)) text += part;
    return text;
  };

  it.each<[string, Partial<LogQuery>, string]>([
    ["whole, with long lines joined", {}, "one\ntwo\nthree\n"],
    ["the last lines", { tailLines: 2 }, "three\n"],
    ["from a moment on", { sinceMs: Date.parse("2026-01-01T00:00:01Z") }, "two\nthree\n"],
    ["with times", { tailLines: 0, timestamps: true }, ""],
    ["one stream", { stream: "Stderr" }, "two\n"],
    ["so many bytes", { limitBytes: 5 }, "one\nt"],
    ["to their end when followed", { follow: true }, "one\ntwo\nthree\n"],
  ])("of logs are read %s", async (_name, query, expected) => {
    expect(await read(query)).toBe(expected);
  });

  it("that are no log lines are left out", () => {
    expect(parseLogLine("garbage")).toBeUndefined();
    expect(parseLogLine("2026-01-01T00:00:00Z stdout F ")).toMatchObject({ text: "", isPartial: false });
  });
});
