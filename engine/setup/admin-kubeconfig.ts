import type { ClusterPki } from "../auth/cluster-pki.ts";
import { openOwnCertificate } from "../auth/own-certificate.ts";
import { MASTERS_GROUP } from "../apimachinery/known-users.ts";
import type { Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { Service } from "../lib/service.ts";
import { writeKubeconfigFile, type KubeconfigFile } from "./kubeconfig-file.ts";

/** Writes the administrator's kubeconfig, and again whenever its certificate is renewed: a server may run for longer than that is good. */
export async function openAdminKubeconfig(
  file: string,
  about: Pick<KubeconfigFile, "server" | "serverName" | "clusterName">,
  pki: ClusterPki,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<Service> {
  const { shown, service } = await openOwnCertificate(
    "admin",
    () => pki.certificate("admin", { commonName: "kubernetes-admin", organizations: [MASTERS_GROUP], usage: "client" }),
    clock,
    logger,
  );
  const write = () => writeKubeconfigFile(file, { ...about, ca: pki.ca, credentials: shown.current, userName: "admin" });
  await write();
  return {
    ...service,
    run(signal) {
      shown.onChange(
        () => void write().catch((error: unknown) => logger.warn("the administrator's kubeconfig was not written", { file, error: describeError(error) })),
        signal,
      );
      return service.run(signal);
    },
  };
}
