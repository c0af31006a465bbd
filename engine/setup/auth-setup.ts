import { createPrivateKey, X509Certificate } from "node:crypto";
import { pemBlocks } from "../lib/pem.ts";
import type { AuthConfig } from "../options/auth-options.ts";
import type { AuthenticationOptions } from "../auth/authenticate.ts";
import type { KeyPair } from "../auth/certificates.ts";
import type { ApprovedSigning } from "../auth/cluster-pki.ts";
import { CertificateVerifier, checkedAuthorities } from "../auth/authentication/client-certificate.ts";
import type { FrontProxy } from "../auth/authentication/request-header.ts";
import { parseTokenFile } from "../auth/authentication/static-tokens.ts";
import { TokenWebhook } from "../auth/authentication/token-webhook.ts";
import type { TokenSettings } from "../auth/service-account-token.ts";
import { UsageError } from "../options/config.ts";
import { ChangingValue, type Following } from "../lib/changing-value.ts";
import type { Service } from "../lib/service.ts";
import { followText } from "./followed-file.ts";
import { readOption, webhookTarget } from "../options/option-files.ts";
import type { ApiServerOptions } from "../server/create-api-server.ts";
import { setUpAuthorization, type AuthorizationParts } from "./authorization-setup.ts";
import { setUpProviders } from "./providers-setup.ts";

export interface AuthSetup {
  readonly authentication: AuthenticationOptions;
  readonly authorization: NonNullable<ApiServerOptions["authorization"]>;
  /** What follows files that may change. */
  readonly services: readonly Service[];
  readonly tokenSettings: TokenSettings;
  /** The private key that signs service account tokens, PEM. */
  readonly tokenKey: string;
  /** What the server shows to API servers behind it; undefined for a certificate of the cluster's own authority. */
  readonly frontProxy: KeyPair | undefined;
  /** PEM of all authorities that clients' certificates may come from, as the operator's files are now. */
  readonly clientCas: Following<string>;
  /** The same for API servers that are called through this one, in upstream's form of a ConfigMap. */
  readonly authenticationFacts: Following<AuthenticationFacts>;
}

export type AuthenticationFacts = Readonly<Record<string, string>>;

export interface AuthSetupParts extends AuthorizationParts {
  /** The cluster's own authority, PEM: its client certificates are always taken. */
  readonly clusterCa: string;
  readonly joinToken: string;
  readonly serverToken: string;
  readonly tokenKey: string;
}

/** Reads the files that the switches name. Throws a UsageError with the switch for what cannot be. */
export function setUpAuth(config: AuthConfig, { clusterCa, joinToken, serverToken, tokenKey, ...parts }: AuthSetupParts): AuthSetup {
  const { modes, services } = setUpAuthorization(config, parts);
  const authorities = setUpAuthorities(config, clusterCa, parts);
  const staticTokens = readOption("--token-auth-file", config.tokenAuthFile, parseTokenFile);
  const provided = setUpProviders(config, parts);
  const tokenSettings = tokenSettingsOf(config);
  const webhook =
    config.authenticationTokenWebhookConfigFile === undefined
      ? []
      : [
          new TokenWebhook({
            version: config.authenticationTokenWebhookVersion,
            target: webhookTarget("--authentication-token-webhook-config-file", config.authenticationTokenWebhookConfigFile, parts.egress),
            audiences: tokenSettings.audiences ?? config.serviceAccountIssuer,
            cacheTtlMs: config.authenticationTokenWebhookCacheTtl,
            ...parts,
          }),
        ];
  const tokenAuthenticators = [provided.authenticator, ...webhook];
  return {
    authentication: {
      clientAuthority: authorities.clients,
      joinToken,
      serverToken,
      tokenAuthenticators,
      takesBootstrapTokens: config.enableBootstrapTokenAuth,
      anonymous: provided.anonymous,
      ...(staticTokens === undefined ? {} : { staticTokens }),
      ...(authorities.proxies === undefined ? {} : { frontProxy: frontProxyOf(config, authorities.proxies) }),
    },
    authorization: modes,
    services: [...services, ...provided.services, ...authorities.services],
    tokenSettings,
    tokenKey: readOption("--service-account-signing-key-file", config.serviceAccountSigningKeyFile, (text) => text) ?? tokenKey,
    frontProxy: frontProxyPair(config),
    clientCas: authorities.clientCas,
    authenticationFacts: authorities.facts,
  };
}

/** Whose certificates are taken from clients and from front proxies; the files are followed. The cluster's own authority is always among the first. */
function setUpAuthorities(config: AuthConfig, clusterCa: string, parts: Pick<AuthSetupParts, "clock" | "logger">) {
  const { clientCaFile, requestheaderClientCaFile: proxyCaFile } = config;
  let clientCa = readOption("--client-ca-file", clientCaFile, checkedAuthorities) ?? "";
  let proxyCa = readOption("--requestheader-client-ca-file", proxyCaFile, checkedAuthorities);
  const withCluster = () => `${clusterCa}\n${clientCa}`;
  const clients = new CertificateVerifier(withCluster());
  const proxies = proxyCa === undefined ? undefined : new CertificateVerifier(proxyCa);
  const all = () => [clusterCa, clientCa, proxyCa ?? ""].join("\n");
  const told = (): AuthenticationFacts => ({
    "client-ca-file": `${clusterCa.trim()}\n${clientCa.trim()}`.trim(),
    ...(proxyCa === undefined ? ownProxyFacts(clusterCa) : proxyFacts(config, proxyCa)),
  });
  const clientCas = new ChangingValue(all());
  const facts = new ChangingValue(told());
  const follow = (what: string, file: string | undefined, text: string, apply: (pem: string) => void) => {
    if (file === undefined) return [];
    const taken = (pem: string) => {
      apply(pem);
      clientCas.set(all());
      facts.set(told());
    };
    return [followText({ what, file, text, parse: checkedAuthorities, apply: taken }, parts)];
  };
  const services = [
    ...follow("authorities of clients", clientCaFile, clientCa, (pem) => {
      clientCa = pem;
      clients.trust(withCluster());
    }),
    ...follow("authorities of front proxies", proxyCaFile, proxyCa ?? "", (pem) => {
      proxyCa = pem;
      proxies?.trust(pem);
    }),
  ];
  return { clients, proxies, clientCas, facts, services };
}

function tokenSettingsOf(config: AuthConfig): TokenSettings {
  return {
    issuers: config.serviceAccountIssuer,
    ...(config.apiAudiences.length === 0 ? {} : { audiences: config.apiAudiences }),
    verificationKeys: config.serviceAccountKeyFile.flatMap((file) => readOption("--service-account-key-file", file, keysIn) ?? []),
    ...(config.serviceAccountMaxTokenExpiration === undefined ? {} : { secondsMax: config.serviceAccountMaxTokenExpiration }),
    looksUpLegacy: config.serviceAccountLookup,
  };
}

function frontProxyOf(config: AuthConfig, verifier: CertificateVerifier): FrontProxy {
  return {
    verifier,
    allowedNames: config.requestheaderAllowedNames,
    usernameHeaders: config.requestheaderUsernameHeaders,
    uidHeaders: config.requestheaderUidHeaders,
    groupHeaders: config.requestheaderGroupHeaders,
    extraHeaderPrefixes: config.requestheaderExtraHeadersPrefix,
  };
}

/** The name on the certificate by which API servers behind this one know it. */
export const FRONT_PROXY_NAME = "front-proxy-client";

/** The cluster's own authority signs it: then only that one name of its many clients is a proxy. */
function ownProxyFacts(clusterCa: string): Readonly<Record<string, string>> {
  return {
    "requestheader-client-ca-file": clusterCa,
    "requestheader-allowed-names": JSON.stringify([FRONT_PROXY_NAME]),
    "requestheader-username-headers": JSON.stringify(["X-Remote-User"]),
    "requestheader-uid-headers": JSON.stringify(["X-Remote-Uid"]),
    "requestheader-group-headers": JSON.stringify(["X-Remote-Group"]),
    "requestheader-extra-headers-prefix": JSON.stringify(["X-Remote-Extra-"]),
  };
}

function frontProxyPair({ proxyClientCertFile, proxyClientKeyFile }: AuthConfig): KeyPair | undefined {
  return readPair(["--proxy-client-cert-file", proxyClientCertFile], ["--proxy-client-key-file", proxyClientKeyFile]);
}

/** Who signs approved requests, and for how long. Throws a UsageError for files that cannot be used. */
export function approvedSigning({ clusterSigningCertFile, clusterSigningKeyFile, clusterSigningDuration: lifeMaxMs }: AuthConfig): ApprovedSigning {
  const authority = readPair(["--cluster-signing-cert-file", clusterSigningCertFile], ["--cluster-signing-key-file", clusterSigningKeyFile]);
  return { lifeMaxMs, ...(authority === undefined ? {} : { authority }) };
}

/** Two files that belong together, each beside its option. */
function readPair(
  [certificateOption, certificateFile]: readonly [string, string | undefined],
  [keyOption, keyFile]: readonly [string, string | undefined],
): KeyPair | undefined {
  if ((certificateFile === undefined) !== (keyFile === undefined))
    throw new UsageError(`${certificateOption} and ${keyOption} belong together: one of them is missing`);
  const certificate = readOption(certificateOption, certificateFile, (text) => text);
  const key = readOption(keyOption, keyFile, (text) => text);
  if (certificate === undefined || key === undefined) return undefined;
  // Throws for what is no certificate or no key.
  readOption(keyOption, keyFile, () => {
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) throw new Error(`it is not the key of ${certificateFile}`);
  });
  return { certificate, key };
}

function proxyFacts(config: AuthConfig, ca: string): Readonly<Record<string, string>> {
  return {
    "requestheader-client-ca-file": ca,
    "requestheader-allowed-names": JSON.stringify(config.requestheaderAllowedNames),
    "requestheader-username-headers": JSON.stringify(config.requestheaderUsernameHeaders),
    "requestheader-uid-headers": JSON.stringify(config.requestheaderUidHeaders),
    "requestheader-group-headers": JSON.stringify(config.requestheaderGroupHeaders),
    "requestheader-extra-headers-prefix": JSON.stringify(config.requestheaderExtraHeadersPrefix),
  };
}

/** Every key in a PEM file; it may hold several. */
function keysIn(pem: string): readonly string[] {
  const keys = pemBlocks(pem).flatMap((block) => (/(KEY|CERTIFICATE)$/.test(block.type) ? [block.pem] : []));
  if (keys.length === 0) throw new Error("there is no key in it");
  return keys;
}
