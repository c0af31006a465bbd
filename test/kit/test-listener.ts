import { API_SERVER_NAME } from "../../engine/apimachinery/names.ts";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { CertificateVerifier } from "../../engine/auth/authentication/client-certificate.ts";
import { ClusterPki } from "../../engine/auth/cluster-pki.ts";
import type { UserInfo } from "../../engine/apimachinery/api-request.ts";
import { ChangingValue } from "../../engine/lib/changing-value.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { openHttpListener, type HttpListenerOptions } from "../../engine/server/http-listener.ts";
import { writeKubeconfigFile } from "../../engine/setup/kubeconfig-file.ts";
import { createNodeTransport } from "../../engine/server/nodes/node-proxy.ts";
import { startTestApi, type TestApi, type TestApiOptions } from "./test-api.ts";

export interface TestListener extends TestApi {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly pki: ClusterPki;
  /** A kubeconfig file of a cluster admin. */
  readonly kubeconfig: string;
  /** A folder of this server alone, gone when it stops. */
  readonly directory: string;
  readonly joinToken: string;
}

export interface TestListenerOptions extends TestApiOptions {
  /** After how long watches that ask for no end have one. */
  readonly minRequestTimeoutSeconds?: number;
  readonly transportSecurity?: readonly string[];
  /** How the listener meets browsers, names and versions of the protocol. */
  readonly manners?: Pick<HttpListenerOptions, "allowedOrigins" | "streamsMax" | "isHttp1Only" | "goawayChance" | "isEnding" | "sharesPort" | "tls" | "requestTimeoutMs" | "idleMs">;
  /** What agents are told of the cluster's network; servers of earlier versions tell nothing. */
  readonly network?: HttpListenerOptions["network"];
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  /** PEM of further authorities whose certificates clients may show. */
  readonly clientCa?: string;
}

/** A test API with HTTPS before it, on a free port of 127.0.0.1, with certificates of its own. */
export async function startTestListener(options: TestListenerOptions = {}): Promise<TestListener> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "api-"));
  const pki = await ClusterPki.open(path.join(directory, "pki"), systemClock);
  const joinToken = await pki.joinToken();
  const clientAuthority = new CertificateVerifier(`${pki.ca}${options.clientCa ?? ""}`);
  const frontProxy = () => pki.certificate("front-proxy-client", { commonName: "front-proxy-client", organizations: [], usage: "client" });
  const served = Promise.withResolvers<number>();
  const loopback = async () => ({
    host: "127.0.0.1",
    port: await served.promise,
    ca: pki.ca,
    ...(await pki.certificate("loopback", { commonName: "system:apiserver", organizations: ["system:masters"], usage: "client" })),
  });
  const api = await startTestApi({
    frontProxy,
    loopback,
    ...options,
    authentication: { clientAuthority, joinToken, ...(options.staticTokens === undefined ? {} : { staticTokens: options.staticTokens }), ...options.authentication },
  });
  const { server } = api;
  const clientCertificate = () => pki.certificate("node-client", { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"], usage: "client" });
  const listener = await openHttpListener({
    ...options.manners,
    server,
    host: "127.0.0.1",
    port: 0,
    ca: new ChangingValue(pki.ca),
    serving: new ChangingValue(await pki.certificate("server", { commonName: "kube-apiserver", usage: "serving", dnsNames: ["localhost", "kubernetes", API_SERVER_NAME], ipAddresses: ["127.0.0.1"] })),
    signer: pki,
    ...(options.network === undefined ? {} : { network: options.network }),
    ...(options.minRequestTimeoutSeconds === undefined ? {} : { minRequestTimeoutSeconds: options.minRequestTimeoutSeconds }),
    ...(options.transportSecurity === undefined ? {} : { transportSecurity: options.transportSecurity }),
    nodes: createNodeTransport(pki.ca, clientCertificate, systemClock, options.egress?.get("cluster")),
  });
  served.resolve(listener.port);
  const url = `https://127.0.0.1:${listener.port}`;
  const kubeconfig = path.join(directory, "kubeconfig.yaml");
  const credentials = await pki.certificate("admin", { commonName: "kubernetes-admin", organizations: ["system:masters"], usage: "client" });
  await writeKubeconfigFile(kubeconfig, { server: url, ca: pki.ca, credentials, clusterName: "test", userName: "admin" });
  const stop = async () => {
    await listener.close();
    await api.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { ...api, url, pki, kubeconfig, directory, joinToken, stop, [Symbol.asyncDispose]: stop };
}
