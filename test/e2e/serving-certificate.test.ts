import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClusterPki } from "../../engine/auth/cluster-pki.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { thisMachine as here } from "../kit/hosts.ts";
import { eventually, kubectl, makeDataDir, runMainstay, startMainstay, type Mainstay } from "../kit/mainstay.ts";

/** An operator's own certificate for the API, as upstream's options take it. */
describe("a server with a certificate of its operator", () => {
  const folder = makeDataDir();
  const at = (name: string) => path.join(folder, name);
  let server: Mainstay;
  let address: string;

  beforeAll(async () => {
    mkdirSync(at("pki"));
    mkdirSync(at("certs"));
    const operator = await ClusterPki.open(at("pki"), systemClock);
    const pair = await operator.certificate("api", { commonName: "api.example.org", usage: "serving", dnsNames: ["api.example.org"], ipAddresses: ["127.0.0.1"] });
    writeFileSync(at("certs/apiserver.crt"), pair.certificate);
    writeFileSync(at("certs/apiserver.key"), pair.key);
    writeFileSync(at("operator-ca.crt"), operator.ca);
    const other = await operator.certificate("ops", { commonName: "ops", usage: "serving", dnsNames: ["*.ops.example.org"] });
    writeFileSync(at("ops.crt"), other.certificate);
    writeFileSync(at("ops.key"), other.key);
    server = await startMainstay(here, at("data"), [
      "--no-agent",
      "--no-git",
      "--api-port",
      "0",
      "--cert-dir",
      at("certs"),
      "--tls-sni-cert-key",
      `${at("ops.crt")},${at("ops.key")}`,
      "--tls-min-version=VersionTLS13",
      "--profiling",
      "--shutdown-delay-duration=1s",
      "--event-ttl=2h",
      "--allow-privileged=false",
      "--v=2",
    ]);
    address = (await kubectl(here, server, "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")).trim();
  });
  afterAll(async () => {
    await server?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows it to whoever comes, who trusts its authority and no other", async () => {
    expect(await here.exec("curl", "-sS", "--cacert", at("operator-ca.crt"), `${address}/version`)).toContain("gitVersion");
    const { port } = new URL(address);
    expect(await here.exec("curl", "-sS", "--cacert", at("operator-ca.crt"), "--resolve", `api.example.org:${port}:127.0.0.1`, `https://api.example.org:${port}/version`)).toContain("gitVersion");
    await expect(here.exec("curl", "-sS", "--cacert", at("data/server/pki/ca.crt"), `${address}/version`)).rejects.toThrow("certificate");
  });

  it("shows another to those who ask by another name, and speaks no older version than it was told to", async () => {
    const { port } = new URL(address);
    const host = `api.ops.example.org:${port}`;
    expect(await here.exec("curl", "-sS", "--cacert", at("operator-ca.crt"), "--resolve", `${host}:127.0.0.1`, `https://${host}/version`)).toContain("gitVersion");
    await expect(here.exec("curl", "-sS", "--tls-max", "1.2", "--cacert", at("operator-ca.crt"), `${address}/version`)).rejects.toThrow();
  });

  it("takes upstream's switches that mean nothing here, and says so", async () => {
    expect(readFileSync(at("data/mainstay.log"), "utf8")).toContain("--profiling changes nothing: there are no profiles to be had over HTTP");
    writeFileSync(
      at("pod.json"),
      JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "root" }, spec: { containers: [{ name: "c", image: "i", securityContext: { privileged: true } }] } }),
    );
    await eventually(
      () => kubectl(here, server, "get", "serviceaccount", "default", "-o", "name"),
      (text) => text.includes("default"),
    );
    await expect(kubectl(here, server, "create", "-f", at("pod.json"))).rejects.toThrow("spec.containers[0].securityContext.privileged: Forbidden: disallowed by cluster policy");
  });

  it("is reached by the cluster's own clients as before", async () => {
    expect(await kubectl(here, server, "get", "namespace", "default", "-o", "name")).toBe("namespace/default\n");
    expect(await runMainstay(here, "status", "--data-dir", at("data"))).toContain("No applications yet");
    const { port } = new URL(address);
    expect(
      await here.exec("curl", "-sS", "--cacert", at("data/server/pki/ca.crt"), "--resolve", `kubernetes.default.svc:${port}:127.0.0.1`, `https://kubernetes.default.svc:${port}/version`),
    ).toContain("gitVersion");
  });

  it("gives pods the operator's certificate to trust as well", async () => {
    const bundle = await eventually(
      () => kubectl(here, server, "get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data['ca\\.crt']}"),
      (text) => text.includes("BEGIN"),
    );
    expect(bundle.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
  });

  it("takes up a new one that is put in its place, and so do the pods", async () => {
    mkdirSync(at("next"));
    const next = await ClusterPki.open(at("next"), systemClock);
    const pair = await next.certificate("api", { commonName: "api.example.org", usage: "serving", ipAddresses: ["127.0.0.1"] });
    writeFileSync(at("next-ca.crt"), next.ca);
    writeFileSync(at("certs/apiserver.key"), pair.key);
    writeFileSync(at("certs/apiserver.crt"), pair.certificate);
    await eventually(
      () => here.exec("curl", "-sS", "--cacert", at("next-ca.crt"), `${address}/version`),
      (text) => text.includes("gitVersion"),
    );
    await eventually(
      () => kubectl(here, server, "get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data['ca\\.crt']}"),
      (text) => text.includes(pair.certificate.trim()),
    );
  });

  it("needs both files", async () => {
    await expect(startMainstay(here, at("other"), ["--no-agent", "--no-git", "--api-port", "0", "--tls-cert-file", at("certs/apiserver.crt")])).rejects.toThrow(
      "--tls-cert-file and --tls-private-key-file belong together",
    );
  });
});
