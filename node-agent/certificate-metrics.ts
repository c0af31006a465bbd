import { readCertificate } from "../engine/auth/certificates.ts";
import type { Connection } from "../engine/client/kubeconfig.ts";
import type { Following } from "../engine/lib/changing-value.ts";
import type { Clock } from "../engine/lib/clock.ts";
import type { MetricsRegistry } from "../engine/lib/metrics.ts";
import type { ServingPair } from "./server/agent-server.ts";

/** For how long a node's certificates are still good, under upstream's names: alerts wait for them. Negative once they have ended. */
export function meterCertificates(
  registry: MetricsRegistry,
  clock: Clock,
  { connection, serving }: { readonly connection: Following<Connection>; readonly serving: Following<ServingPair> },
): void {
  const client = registry.gauge("kubelet_certificate_manager_client_ttl_seconds", "Seconds until the certificate ends that the API server is shown.");
  const server = registry.gauge("kubelet_certificate_manager_server_ttl_seconds", "Seconds until the certificate ends that the agent's endpoint shows.");
  const leftSeconds = (pem: string) => Math.trunc((readCertificate(pem).notAfterMs - clock.now()) / 1000);
  registry.beforeRender(() => {
    const { certificate } = connection.current;
    client.clear(); // who goes by a token has none
    if (certificate !== undefined && certificate !== "") client.set(leftSeconds(certificate));
    server.set(leftSeconds(serving.current.certificate));
  });
}
