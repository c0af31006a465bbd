import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSigningRequest, readCertificate } from "../../engine/auth/certificates.ts";
import { ClusterPki } from "../../engine/auth/cluster-pki.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { rawClient } from "../kit/raw-https.ts";
import { MAPS, startWire, type Wire } from "../kit/wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await startWire();
});
afterAll(() => wire.stop());

describe("who may do what", () => {
  test("a bad token is a 401, nobody in particular sees health and version only", async () => {
    const nobody = await rawClient(wire.api.url, wire.api.pki, undefined);
    const bad = await nobody.send("/api/v1/namespaces", { headers: { authorization: "Bearer nonsense" } });
    expect(JSON.parse(bad.text)).toEqual({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message: "Unauthorized", reason: "Unauthorized", code: 401 });
    expect((await nobody.send("/readyz?verbose")).text).toMatch(/^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n[^]*readyz check passed\n$/);
    expect((await nobody.send("/version")).code).toBe(200);
    const refused = await nobody.send(MAPS);
    expect(JSON.parse(refused.text)).toMatchObject({
      code: 403,
      reason: "Forbidden",
      message: 'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "wire"',
      details: { kind: "configmaps" },
    });
    expect(JSON.parse((await nobody.send("/metrics")).text)).toMatchObject({ code: 403, message: 'forbidden: User "system:anonymous" cannot get path "/metrics"' });
    nobody.close();
  });

  test("an administrator may act as somebody else, others may not", async () => {
    const asUser = await wire.send(
      "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
      { kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1" },
      { "impersonate-user": "jane", "impersonate-group": "dev" },
    );
    expect(JSON.parse(asUser.text)).toMatchObject({ status: { userInfo: { username: "jane", groups: ["dev", "system:authenticated"] } } });
    const joe = await rawClient(wire.api.url, wire.api.pki, { commonName: "joe", organizations: [] });
    expect((await joe.send(MAPS, { headers: { "impersonate-user": "admin" } })).code).toBe(403);
    joe.close();
  });

  test("a machine joins with the token, and is that node from then on", async () => {
    const machine = await rawClient(wire.api.url, wire.api.pki, undefined);
    const { request: csr } = await createSigningRequest("whoever");
    const join = (token: string, nodePassword = "a secret of this machine alone") =>
      machine.send("/mainstay/v1/join", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ nodeName: "n7", nodePassword, csr }),
      });
    expect((await join("guess")).code).toBe(401);
    const answer = await join(wire.api.joinToken);
    expect(answer.code).toBe(201);
    const { certificate, ca } = JSON.parse(answer.text) as { certificate: string; ca: string };
    expect(ca).toBe(wire.api.pki.ca);
    expect(readCertificate(certificate).commonName).toBe("system:node:n7");
    expect((await join(wire.api.joinToken)).code).toBe(201);
    const thief = await join(wire.api.joinToken, "a secret of another machine");
    expect(thief.code).toBe(403);
    expect(JSON.parse(thief.text)).toMatchObject({ message: expect.stringContaining('the name "n7" belongs to another machine') as unknown });
    expect((await machine.send("/mainstay/v1/ca", {})).text).toBe(wire.api.pki.ca);
    const pods = await machine.send("/api/v1/pods", { headers: { authorization: `Bearer ${wire.api.joinToken}` } });
    expect(pods.code).toBe(403);
    machine.close();
    const nobody = await rawClient(wire.api.url, wire.api.pki, undefined);
    expect((await nobody.send("/mainstay/v1/join", { method: "POST", body: "{}" })).code).toBe(403);
    nobody.close();
  });

  test("a certificate of another authority is a 401", async () => {
    const other = await ClusterPki.open(`${wire.api.directory}/other`, systemClock);
    const stranger = await rawClient(wire.api.url, { ...other, ca: wire.api.pki.ca, certificate: other.certificate.bind(other) } as unknown as typeof wire.api.pki, {
      commonName: "admin",
      organizations: ["system:masters"],
    });
    expect((await stranger.send(MAPS)).code).toBe(401);
    stranger.close();
  });
});
