import { existsSync } from "node:fs";
import { isIPv6 } from "node:net";
import os from "node:os";
import path from "node:path";
import type { AdmissionSetup } from "./admission-setup.ts";
import { setUpAudit } from "./audit-setup.ts";
import { FRONT_PROXY_NAME, setUpAuth, type AuthSetup } from "./auth-setup.ts";
import { openOwnCertificate } from "../auth/own-certificate.ts";
import { openOperatorCertificate } from "./operator-certificate.ts";
import type { KeyPair } from "../auth/certificates.ts";
import type { ClusterPki } from "../auth/cluster-pki.ts";
import type { Egress } from "../apimachinery/egress.ts";
import { API_SERVER_USER, MASTERS_GROUP } from "../apimachinery/known-users.ts";
import { disabledFeatures } from "../apimachinery/feature-gates.ts";
import { createLocalClient } from "../client/local-client.ts";
import type { ServerConfig } from "../options/config.ts";
import { agentNetwork } from "../options/network-options.ts";
import { controlPlaneChecks } from "../elected-services.ts";
import type { EngineParts } from "../engine-parts.ts";
import type { Following } from "../lib/changing-value.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { familyOf, hostAndPort } from "../lib/net/ip-address.ts";
import { isLoopback, isUnspecified } from "../lib/net/loopback.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { service } from "../lib/service.ts";
import type { ServiceScope } from "../lib/service-scope.ts";
import type { Tracer } from "../lib/tracing/tracer.ts";
import type { Quorum } from "../quorum/open-quorum.ts";
import { firstAddress, parseServiceRanges } from "../registry/ip-range.ts";
import { catalog } from "../resources/catalog.ts";
import { availabilityService } from "../server/aggregation/availability.ts";
import type { ApiServer } from "../server/api-server.ts";
import { createApiServer, type RequestLimits } from "../server/create-api-server.ts";
import { Fairness } from "../server/fairness/fairness.ts";
import { createFlowControlKeeper } from "../server/fairness/maintain-flow-control.ts";
import type { HealthCheck } from "../server/health.ts";
import { openHttpListener } from "../server/http-listener.ts";
import type { CertificateSources } from "../server/http/serving-certificates.ts";
import { createNamespaceKeeper } from "../server/bootstrap/namespace-keeper.ts";
import { createNodeTransport } from "../server/nodes/node-proxy.ts";
import { createTokenTrackingKeeper } from "../server/tokens/token-tracking.ts";
import type { ObjectStore } from "../storage/object-store.ts";

export interface ApiParts {
  readonly store: ObjectStore;
  readonly metrics: MetricsRegistry;
  readonly pki: ClusterPki;
  readonly nodeIps: readonly string[];
  readonly quorum: Quorum | undefined;
  readonly healthChecks: readonly HealthCheck[];
  readonly admission: AdmissionSetup;
  readonly egress: Egress | undefined;
  readonly tracer: Tracer | undefined;
}

export interface ServedApi {
  readonly server: ApiServer;
  readonly port: number;
  readonly authenticationFacts: AuthSetup["authenticationFacts"];
  /** To be called when the cluster has what every cluster has from its beginning: /readyz waits for it. */
  readonly started: () => void;
  /** The operator's own certificate, if there is one. */
  readonly presented: Following<KeyPair> | undefined;
}

/** The API over HTTPS, as the options want it; it answers when this resolves, and ends with the scope. */
export async function serveApi(
  config: ServerConfig,
  { clock, random, logger, told, flags }: EngineParts,
  { store, metrics, pki, nodeIps, quorum, healthChecks, admission, egress, tracer }: ApiParts,
  scope: ServiceScope,
): Promise<ServedApi> {
  await store.ready(scope.signal);
  const auth = setUpAuth(config, {
    egress,
    clusterCa: pki.ca,
    joinToken: await pki.joinToken(),
    serverToken: await pki.serverSecret(),
    tokenKey: await pki.tokenKey(),
    clock,
    random,
    logger,
    metrics,
    serverName: config.nodeName,
  });
  scope.start(...auth.services);
  const external =
    config.serviceAccountSigningEndpoint === undefined
      ? undefined
      : await (await import("./signer-setup.ts")).setUpExternalSigner(config.serviceAccountSigningEndpoint, config, { clock, logger, metrics });
  if (external !== undefined) scope.start(external.service);
  const auditor = await setUpAudit(config, { clock, logger, metrics, egress });
  scope.defer(async () => auditor?.close());
  const toAgents = () =>
    pki.certificate("apiserver-kubelet-client", { commonName: "kube-apiserver-kubelet-client", organizations: [MASTERS_GROUP], usage: "client" });
  const nodes = createNodeTransport(pki.ca, toAgents, clock, egress?.get("cluster"));
  const { frontProxy: ownFrontProxy, services: _followed, ...given } = auth;
  const frontProxy = async () => ownFrontProxy ?? pki.certificate(FRONT_PROXY_NAME, { commonName: FRONT_PROXY_NAME, organizations: [], usage: "client" });
  const served = Promise.withResolvers<number>();
  const loopback = async () => ({
    host: config.bindAddress,
    port: await served.promise,
    ca: pki.ca,
    ...(await pki.certificate("apiserver-loopback-client", { commonName: API_SERVER_USER.username, organizations: [MASTERS_GROUP], usage: "client" })),
  });
  const server = createApiServer({
    loopback,
    nodes,
    store,
    catalog,
    clock,
    random,
    logger,
    metrics,
    serviceCidr: config.serviceCidr,
    serviceNodePorts: config.serviceNodePortRange,
    allowsPrivileged: config.allowPrivileged,
    ...given,
    ...(external === undefined ? {} : { tokenSigner: external.signer, tokenSettings: { ...given.tokenSettings, secondsMax: external.secondsMax } }),
    frontProxy,
    egress,
    allowsRemoteRedirects: !config.aggregatorRejectForwardingRedirect,
    disabledFeatures: disabledFeatures(config.featureGates),
    requestLimits: requestLimits(config),
    healthChecks,
    components: controlPlaneChecks(quorum !== undefined || config.datastoreEndpoint !== undefined, store, clock),
    admissionChoice: { enabled: config.enableAdmissionPlugins, disabled: config.disableAdmissionPlugins },
    ...admission,
    ...(auditor === undefined ? {} : { auditor }),
    ...(tracer === undefined ? {} : { tracer }),
  });
  scope.start(
    availabilityService({ aggregator: server.parts.aggregator, store, client: createLocalClient(server, API_SERVER_USER, "kube-aggregator"), clock, logger }),
  );
  scope.start(createNamespaceKeeper(server, clock, logger), createTokenTrackingKeeper(server, clock, logger));
  if (config.enablePriorityAndFairness) scope.start(createFlowControlKeeper({ handler: server, store, clock, logger }));
  const { order } = server.parts;
  if (order instanceof Fairness) scope.start(service("priority and fairness", (signal) => order.run(signal)));
  const shown = await openCertificates(config, pki, nodeIps, { clock, logger, scope });
  let isStarted = false;
  const listener = await openHttpListener({
    ...mannersOf(config),
    isEnding: () => told?.aborted === true,
    isStarted: () => isStarted,
    ...(flags === undefined ? {} : { flags }),
    ...shown,
    server,
    host: config.bindAddress,
    port: config.apiPort,
    ca: auth.clientCas,
    ...jwksPlace(config),
    signer: pki,
    network: agentNetwork(config),
    nodes,
    ...(quorum === undefined ? {} : { admitServer: (body: unknown) => quorum.admit(body) }),
  });
  served.resolve(listener.port);
  await pki.writeTokens();
  scope.defer(() => listener.close());
  return { server, port: listener.port, authenticationFacts: auth.authenticationFacts, presented: shown.presented, started: () => void (isStarted = true) };
}

/** How the API is spoken over the wire, as far as the options alone say it. */
function mannersOf(config: ServerConfig) {
  return {
    tls: { minVersion: config.tlsMinVersion, ciphers: config.tlsCipherSuites, groups: config.tlsCurvePreferences },
    allowedOrigins: config.corsAllowedOrigins,
    streamsMax: config.http2MaxStreamsPerConnection,
    isHttp1Only: config.disableHttp2Serving,
    goawayChance: config.goawayChance,
    sharesPort: config.permitPortSharing,
    requestTimeoutMs: config.requestTimeout,
    minRequestTimeoutSeconds: config.minRequestTimeout,
    transportSecurity: config.strictTransportSecurityDirectives,
  };
}

/** The certificates that the API shows, followed while the scope lives: its own, the operator's in its place, and the operator's for other names. */
async function openCertificates(
  config: ServerConfig,
  pki: ClusterPki,
  nodeIps: readonly string[],
  { clock, logger, scope }: { readonly clock: Clock; readonly logger: Logger; readonly scope: ServiceScope },
): Promise<Pick<CertificateSources, "serving" | "presented" | "named">> {
  const dnsNames = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", `kubernetes.default.svc.${config.clusterDomain}`, "localhost", os.hostname()];
  const ipAddresses = certificateAddresses([
    ...nodeIps,
    ...(config.advertiseAddress === undefined ? [] : [config.advertiseAddress]),
    config.bindAddress,
    ...parseServiceRanges(config.serviceCidr).map(firstAddress),
  ]);
  const serving = await openOwnCertificate(
    "apiserver",
    () => pki.certificate("apiserver", { commonName: "kube-apiserver", organizations: [], usage: "serving", dnsNames, ipAddresses }),
    clock,
    logger,
  );
  scope.start(serving.service);
  const presented = await setUpOperatorCertificate(config, clock, logger, scope);
  const named = await Promise.all(
    config.tlsSniCertKey.map(async ({ names, ...files }) => {
      const { shown, service: following } = await openOperatorCertificate(files, clock, logger);
      scope.start(following);
      return { names, pair: shown };
    }),
  );
  return { serving: serving.shown, named, ...(presented === undefined ? {} : { presented }) };
}

/** Where others find the keys of service account tokens; nothing where that is at the issuer. As upstream, a host without a port is asked at the API's own. */
export function jwksPlace({ serviceAccountJwksUri, externalHostname, apiPort }: Pick<ServerConfig, "serviceAccountJwksUri" | "externalHostname" | "apiPort">): {
  readonly jwksUri?: string;
} {
  if (serviceAccountJwksUri !== undefined) return { jwksUri: serviceAccountJwksUri };
  if (externalHostname === undefined) return {};
  const hasPort = /:\d+$/.test(externalHostname) && !isIPv6(externalHostname);
  return { jwksUri: `https://${hasPort ? externalHostname : hostAndPort(externalHostname, apiPort)}/openid/v1/jwks` };
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

/**
 * What the hosted repositories are served with beyond the loopback: the operator's certificate, or one of the cluster's own authority.
 * Undefined on the loopback.
 */
export async function gitCertificate(
  presented: Following<KeyPair> | undefined,
  { gitAddress }: Pick<ServerConfig, "gitAddress">,
  { pki, nodeIps }: Pick<ApiParts, "pki" | "nodeIps">,
  { clock, logger }: Pick<EngineParts, "clock" | "logger">,
  scope: ServiceScope,
): Promise<Following<KeyPair> | undefined> {
  if (presented !== undefined || isLoopback(gitAddress)) return presented;
  const ipAddresses = certificateAddresses([...nodeIps, gitAddress]);
  const { shown, service } = await openOwnCertificate(
    "git",
    () => pki.certificate("git", { commonName: "mainstay-git", organizations: [], usage: "serving", dnsNames: ["localhost", os.hostname()], ipAddresses }),
    clock,
    logger,
  );
  scope.start(service);
  return shown;
}

/** The addresses by which a listener is reached: this machine's own way, and what else there is; where all are listened at, no address says so. */
function certificateAddresses(others: readonly string[]): readonly string[] {
  const loopback = others.some((address) => familyOf(address) === "IPv6") ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  return [...new Set([...loopback, ...others.filter((address) => !isUnspecified(address))])];
}

function requestLimits({
  maxRequestsInflight: readingMax,
  maxMutatingRequestsInflight: writingMax,
  enablePriorityAndFairness: isFair,
}: ServerConfig): RequestLimits {
  return { readingMax, writingMax, isFair };
}
