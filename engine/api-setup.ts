import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { AdmissionSetup } from "./admission-setup.ts";
import { setUpAudit } from "./audit-setup.ts";
import { FRONT_PROXY_NAME, setUpAuth, type AuthSetup } from "./auth-setup.ts";
import type { KeyPair } from "./auth/certificates.ts";
import type { ClusterPki } from "./auth/cluster-pki.ts";
import { API_SERVER_USER } from "./auth/known-users.ts";
import { createLocalClient } from "./client/local-client.ts";
import type { ServerConfig } from "./config.ts";
import { controlPlaneChecks } from "./elected-services.ts";
import type { EngineParts } from "./engine-parts.ts";
import { openOperatorCertificate, openOwnCertificate } from "./followed-certificates.ts";
import type { Following } from "./lib/changing-value.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./lib/log.ts";
import { isLoopback } from "./lib/loopback.ts";
import type { MetricsRegistry } from "./lib/metrics.ts";
import { service } from "./lib/service.ts";
import type { ServiceScope } from "./lib/service-scope.ts";
import type { Quorum } from "./quorum/open-quorum.ts";
import { firstAddress, parseIpRange } from "./registry/ip-range.ts";
import { catalog } from "./resources/catalog.ts";
import { availabilityService } from "./server/aggregation/availability.ts";
import { createApiServer, type ApiServer, type RequestLimits } from "./server/api-server.ts";
import { Fairness } from "./server/fairness/fairness.ts";
import { createFlowControlKeeper } from "./server/fairness/maintain-flow-control.ts";
import type { HealthCheck } from "./server/health.ts";
import { openHttpListener } from "./server/http-listener.ts";
import { createNodeTransport } from "./server/node-proxy.ts";
import { createTokenTrackingKeeper } from "./server/token-tracking.ts";
import type { ObjectStore } from "./storage/object-store.ts";

export interface ApiParts {
  readonly store: ObjectStore;
  readonly metrics: MetricsRegistry;
  readonly pki: ClusterPki;
  readonly nodeIp: string;
  readonly quorum: Quorum | undefined;
  readonly healthChecks: readonly HealthCheck[];
  readonly admission: AdmissionSetup;
}

export interface ServedApi {
  readonly server: ApiServer;
  readonly port: number;
  readonly authenticationFacts: AuthSetup["authenticationFacts"];
  /** The operator's own certificate, if there is one. */
  readonly presented: Following<KeyPair> | undefined;
}

/** The API over HTTPS, as the options want it; it answers when this resolves, and ends with the scope. */
export async function serveApi(config: ServerConfig, { clock, random, logger }: EngineParts, { store, metrics, pki, nodeIp, quorum, healthChecks, admission }: ApiParts, scope: ServiceScope): Promise<ServedApi> {
  await store.ready(scope.signal);
  const auth = setUpAuth(config, { clusterCa: pki.ca, joinToken: await pki.joinToken(), serverToken: await pki.serverSecret(), tokenKey: await pki.tokenKey(), clock, logger });
  const auditor = await setUpAudit(config, { clock, logger, metrics });
  scope.defer(async () => auditor?.close());
  const toAgents = () => pki.certificate("apiserver-kubelet-client", { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"], usage: "client" });
  const nodes = createNodeTransport(pki.ca, toAgents);
  const { frontProxy: ownFrontProxy, ...given } = auth;
  const frontProxy = async () => ownFrontProxy ?? pki.certificate(FRONT_PROXY_NAME, { commonName: FRONT_PROXY_NAME, organizations: [], usage: "client" });
  const server = createApiServer({ nodes, store, catalog, clock, random, logger, metrics, serviceCidr: config.serviceCidr, ...given, frontProxy, requestLimits: requestLimits(config), healthChecks, components: controlPlaneChecks(quorum !== undefined || config.datastoreEndpoint !== undefined, store, clock), admissionChoice: { enabled: config.enableAdmissionPlugins, disabled: config.disableAdmissionPlugins }, ...admission, ...(auditor === undefined ? {} : { auditor }) });
  scope.start(availabilityService({ aggregator: server.parts.aggregator, store, client: createLocalClient(server, API_SERVER_USER, "kube-aggregator"), clock, logger }));
  scope.start(createTokenTrackingKeeper(server, clock, logger));
  if (config.enablePriorityAndFairness) scope.start(createFlowControlKeeper({ handler: server, store, clock, logger }));
  const { order } = server.parts;
  if (order instanceof Fairness) scope.start(service("priority and fairness", (signal) => order.run(signal)));
  const dnsNames = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", os.hostname()];
  const ipAddresses = [...new Set(["127.0.0.1", nodeIp, config.bindAddress, firstAddress(parseIpRange(config.serviceCidr))].filter((address) => address !== "0.0.0.0"))];
  const serving = await openOwnCertificate("apiserver", () => pki.certificate("apiserver", { commonName: "kube-apiserver", organizations: [], usage: "serving", dnsNames, ipAddresses }), clock, logger);
  scope.start(serving.service);
  const presented = await setUpOperatorCertificate(config, clock, logger, scope);
  const listener = await openHttpListener({ ...(presented === undefined ? {} : { presented }), server, host: config.bindAddress, port: config.apiPort, ca: auth.clientCas, ...(config.serviceAccountJwksUri === undefined ? {} : { jwksUri: config.serviceAccountJwksUri }), serving: serving.shown, signer: pki, nodes, requestTimeoutMs: config.requestTimeout, minRequestTimeoutSeconds: config.minRequestTimeout, transportSecurity: config.strictTransportSecurityDirectives, ...(quorum === undefined ? {} : { admitServer: (body: unknown) => quorum.admit(body) }) });
  await pki.writeTokens();
  scope.defer(() => listener.close());
  return { server, port: listener.port, authenticationFacts: auth.authenticationFacts, presented };
}

async function setUpOperatorCertificate(config: ServerConfig, clock: Clock, logger: Logger, scope: ServiceScope): Promise<Following<KeyPair> | undefined> {
  const files = operatorFiles(config);
  if (files === undefined) return undefined;
  const { shown, service } = await openOperatorCertificate(files, clock, logger);
  scope.start(service);
  return shown;
}

/** The files that the operator has named, or those that lie where he has said that they may. */
function operatorFiles({ tlsCertFile, tlsPrivateKeyFile, certDir }: ServerConfig): { readonly certificate: string; readonly key: string } | undefined {
  if (tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined) return { certificate: tlsCertFile, key: tlsPrivateKeyFile };
  const files = certDir === undefined ? undefined : { certificate: path.join(certDir, "apiserver.crt"), key: path.join(certDir, "apiserver.key") };
  return files !== undefined && existsSync(files.certificate) && existsSync(files.key) ? files : undefined;
}

/** What the hosted repositories are served with beyond the loopback: the operator's certificate, or one of the cluster's own authority. Undefined on the loopback. */
export async function gitCertificate(presented: Following<KeyPair> | undefined, { gitAddress }: Pick<ServerConfig, "gitAddress">, { pki, nodeIp }: Pick<ApiParts, "pki" | "nodeIp">, { clock, logger }: Pick<EngineParts, "clock" | "logger">, scope: ServiceScope): Promise<Following<KeyPair> | undefined> {
  if (presented !== undefined || isLoopback(gitAddress)) return presented;
  const ipAddresses = [...new Set(["127.0.0.1", nodeIp, gitAddress])].filter((address) => address !== "0.0.0.0");
  const { shown, service } = await openOwnCertificate("git", () => pki.certificate("git", { commonName: "mainstay-git", organizations: [], usage: "serving", dnsNames: ["localhost", os.hostname()], ipAddresses }), clock, logger);
  scope.start(service);
  return shown;
}

function requestLimits({ maxRequestsInflight: readingMax, maxMutatingRequestsInflight: writingMax, enablePriorityAndFairness: isFair }: ServerConfig): RequestLimits {
  return { readingMax, writingMax, isFair };
}
