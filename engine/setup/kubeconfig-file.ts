import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writePrivate } from "../auth/cluster-pki.ts";
import type { KeyPair } from "../auth/certificates.ts";
import { formatKubeconfig } from "../client/kubeconfig.ts";

export interface KubeconfigFile {
  /** `https://host:port`. */
  readonly server: string;
  readonly ca: string;
  /** See Connection. */
  readonly serverName?: string;
  readonly credentials: KeyPair;
  readonly clusterName: string;
  readonly userName: string;
}

/** Writes a kubeconfig that holds everything it needs, readable by its owner alone. */
export async function writeKubeconfigFile(file: string, { server, ca, serverName, credentials, clusterName, userName }: KubeconfigFile): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writePrivate(
    file,
    formatKubeconfig(
      { server, ca, ...(serverName === undefined ? {} : { serverName }), certificate: credentials.certificate, key: credentials.key },
      { cluster: clusterName, user: userName },
    ),
  );
}
