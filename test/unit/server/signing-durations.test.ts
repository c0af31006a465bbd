import { afterEach, beforeEach, expect, it } from "vitest";
import { createAuthority, createSigningRequest } from "../../../engine/auth/certificates.ts";
import { certificateSigningRequestResource } from "../../../engine/resources/certificates/certificate-signing-request.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

const HOUR = 3_600;
const figures = () => (api.server.metrics.render().match(/^apiserver_certificates_registry_.*/gm) ?? []).map((line) => line.replace("apiserver_certificates_registry_csr_", ""));

/** A request for so many seconds, or for none said, and the certificate of so many that its signer gives. */
async function sign(name: string, signerName: string, asked: number | undefined, given: number, times = 1): Promise<void> {
  const requests = api.client.for(certificateSigningRequestResource);
  const { request } = await createSigningRequest("jane");
  await requests.create({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name },
    spec: { request: Buffer.from(request).toString("base64"), signerName, usages: ["client auth"], ...(asked === undefined ? {} : { expirationSeconds: asked }) },
  });
  await requests.updateSubresource({ ...(await requests.get("", name)), status: { conditions: [{ type: "Approved", status: "True", reason: "Test" }] } }, "approval");
  const { certificate } = await createAuthority("test", 0, given * 1000);
  for (let time = 0; time < times; time++) {
    const current = await requests.get("", name);
    await requests.updateSubresource(
      { ...current, metadata: { ...current.metadata, labels: { time: String(time) } }, status: { ...current.status, certificate: Buffer.from(certificate).toString("base64") } },
      "status",
    );
  }
}

it("certificates for which a duration was asked are counted once, and whether they have it, within what signers date back and a twentieth", async () => {
  expect(figures()).toEqual([]);
  await sign("exact", "kubernetes.io/kube-apiserver-client", HOUR, HOUR);
  await sign("dated-back", "kubernetes.io/kube-apiserver-client", HOUR, HOUR + 479, 2);
  await sign("too-long", "kubernetes.io/kube-apiserver-client", HOUR, HOUR + 480);
  await sign("too-short", "example.com/ours", 48 * HOUR, 24 * HOUR);
  await sign("unasked", "kubernetes.io/kube-apiserver-client", undefined, HOUR);
  expect(figures()).toEqual([
    'honored_duration_total{signerName="kubernetes.io/kube-apiserver-client"} 2',
    'requested_duration_total{signerName="kubernetes.io/kube-apiserver-client"} 3',
    'requested_duration_total{signerName="other"} 1',
  ]);
});
