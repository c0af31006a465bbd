import { AUTHORIZER_TYPES, type AuthorizerType } from "../auth/authorize.ts";
import { bool, durationMs, oneOf, type OptionRowOf } from "./option-values.ts";
import { commaList } from "../lib/comma-list.ts";

/** Who may: the switches by which operators say who callers are and who decides about them, under upstream's names. */
export interface AuthConfig {
  readonly authorizationMode: readonly AuthorizerType[];
  readonly authorizationConfig: string | undefined;
  readonly authorizationPolicyFile: string | undefined;
  readonly authorizationWebhookConfigFile: string | undefined;
  readonly authorizationWebhookVersion: "v1" | "v1beta1";
  readonly authorizationWebhookCacheAuthorizedTtl: number;
  readonly authorizationWebhookCacheUnauthorizedTtl: number;
  readonly anonymousAuth: boolean;
  readonly enableBootstrapTokenAuth: boolean;
  readonly clientCaFile: string | undefined;
  readonly tokenAuthFile: string | undefined;
  readonly authenticationConfig: string | undefined;
  readonly authenticationTokenWebhookConfigFile: string | undefined;
  readonly authenticationTokenWebhookVersion: "v1" | "v1beta1";
  readonly authenticationTokenWebhookCacheTtl: number;
  readonly oidcIssuerUrl: string | undefined;
  readonly oidcClientId: string | undefined;
  readonly oidcCaFile: string | undefined;
  readonly oidcUsernameClaim: string;
  readonly oidcUsernamePrefix: string | undefined;
  readonly oidcGroupsClaim: string | undefined;
  readonly oidcGroupsPrefix: string;
  readonly oidcRequiredClaim: readonly string[];
  readonly oidcSigningAlgs: readonly string[];
  readonly requestheaderClientCaFile: string | undefined;
  readonly proxyClientCertFile: string | undefined;
  readonly proxyClientKeyFile: string | undefined;
  readonly requestheaderAllowedNames: readonly string[];
  readonly requestheaderUsernameHeaders: readonly string[];
  readonly requestheaderUidHeaders: readonly string[];
  readonly requestheaderGroupHeaders: readonly string[];
  readonly requestheaderExtraHeadersPrefix: readonly string[];
  readonly serviceAccountIssuer: readonly string[];
  readonly serviceAccountSigningKeyFile: string | undefined;
  readonly serviceAccountSigningEndpoint: string | undefined;
  readonly serviceAccountKeyFile: readonly string[];
  readonly serviceAccountMaxTokenExpiration: number | undefined;
  readonly serviceAccountJwksUri: string | undefined;
  readonly serviceAccountLookup: boolean;
  readonly clusterSigningCertFile: string | undefined;
  readonly clusterSigningKeyFile: string | undefined;
  readonly clusterSigningDuration: number;
  readonly apiAudiences: readonly string[];
}

export const authOptions: readonly OptionRowOf<AuthConfig>[] = [
  {
    key: "authorizationMode",
    flags: "--authorization-mode <modes>",
    description: `who decides, in this order: ${AUTHORIZER_TYPES.join(", ")}`,
    default: "Node,RBAC",
    parse: listOf(AUTHORIZER_TYPES),
    repeats: true,
  },
  {
    key: "authorizationConfig",
    flags: "--authorization-config <file>",
    description: "AuthorizationConfiguration: the same with several webhooks, each with conditions; stands in for --authorization-mode",
  },
  { key: "authorizationPolicyFile", flags: "--authorization-policy-file <file>", description: "policies of mode ABAC: a JSON object in each line" },
  {
    key: "authorizationWebhookConfigFile",
    flags: "--authorization-webhook-config-file <file>",
    description: "kubeconfig of the server that mode Webhook asks",
  },
  {
    key: "authorizationWebhookVersion",
    flags: "--authorization-webhook-version <version>",
    description: "version of the reviews that it gets: v1 or v1beta1",
    default: "v1beta1",
    parse: oneOf("v1", "v1beta1"),
  },
  {
    key: "authorizationWebhookCacheAuthorizedTtl",
    flags: "--authorization-webhook-cache-authorized-ttl <duration>",
    description: "how long its permissions are remembered",
    default: "5m0s",
    parse: durationMs,
  },
  {
    key: "authorizationWebhookCacheUnauthorizedTtl",
    flags: "--authorization-webhook-cache-unauthorized-ttl <duration>",
    description: "how long its refusals are remembered",
    default: "30s",
    parse: durationMs,
  },
  {
    key: "anonymousAuth",
    flags: "--anonymous-auth <bool>",
    description: "answer requests without credentials as system:anonymous",
    default: "true",
    parse: bool,
  },
  {
    key: "enableBootstrapTokenAuth",
    flags: "--enable-bootstrap-token-auth <bool>",
    description: "take bootstrap tokens, which are kept in Secrets of kube-system; upstream's usual is false",
    default: "true",
    parse: bool,
  },
  {
    key: "clientCaFile",
    flags: "--client-ca-file <file>",
    description: "further authorities (PEM) whose client certificates are taken, beside the cluster's own",
  },
  { key: "tokenAuthFile", flags: "--token-auth-file <file>", description: 'fixed bearer tokens: lines of token,user,uid,"group1,group2"' },
  { key: "authenticationConfig", flags: "--authentication-config <file>", description: "AuthenticationConfiguration: identity providers and anonymous access" },
  {
    key: "authenticationTokenWebhookConfigFile",
    flags: "--authentication-token-webhook-config-file <file>",
    description: "kubeconfig of a server that knows tokens",
  },
  {
    key: "authenticationTokenWebhookVersion",
    flags: "--authentication-token-webhook-version <version>",
    description: "version of the reviews that it gets: v1 or v1beta1",
    default: "v1beta1",
    parse: oneOf("v1", "v1beta1"),
  },
  {
    key: "authenticationTokenWebhookCacheTtl",
    flags: "--authentication-token-webhook-cache-ttl <duration>",
    description: "how long its answers are remembered",
    default: "2m0s",
    parse: durationMs,
  },
  { key: "oidcIssuerUrl", flags: "--oidc-issuer-url <url>", description: "OpenID Connect provider whose ID tokens are taken (https)" },
  { key: "oidcClientId", flags: "--oidc-client-id <id>", description: "audience that its tokens must be for" },
  { key: "oidcCaFile", flags: "--oidc-ca-file <file>", description: "authority of its certificate (default: the system's)" },
  { key: "oidcUsernameClaim", flags: "--oidc-username-claim <claim>", description: "claim that is the user's name", default: "sub" },
  {
    key: "oidcUsernamePrefix",
    flags: "--oidc-username-prefix <prefix>",
    description: "what is put before it; - for nothing (default: the issuer and #, nothing for email)",
  },
  { key: "oidcGroupsClaim", flags: "--oidc-groups-claim <claim>", description: "claim that lists the user's groups" },
  { key: "oidcGroupsPrefix", flags: "--oidc-groups-prefix <prefix>", description: "what is put before each of them", default: "" },
  {
    key: "oidcRequiredClaim",
    flags: "--oidc-required-claim <claim=value,…>",
    description: "claims that must be as said",
    default: "",
    parse: commaList,
    repeats: true,
  },
  {
    key: "oidcSigningAlgs",
    flags: "--oidc-signing-algs <algorithms>",
    description: "signatures that are taken",
    default: "RS256",
    parse: commaList,
    repeats: true,
  },
  { key: "requestheaderClientCaFile", flags: "--requestheader-client-ca-file <file>", description: "authority of proxies that say in headers who is calling" },
  {
    key: "proxyClientCertFile",
    flags: "--proxy-client-cert-file <file>",
    description: "certificate shown to API servers behind this one (default: one of the cluster's authority)",
  },
  { key: "proxyClientKeyFile", flags: "--proxy-client-key-file <file>", description: "key of that certificate" },
  {
    key: "requestheaderAllowedNames",
    flags: "--requestheader-allowed-names <names>",
    description: "common names of such proxies (default: any)",
    default: "",
    parse: commaList,
    repeats: true,
  },
  {
    key: "requestheaderUsernameHeaders",
    flags: "--requestheader-username-headers <names>",
    description: "headers with the user's name",
    default: "X-Remote-User",
    parse: commaList,
    repeats: true,
  },
  {
    key: "requestheaderUidHeaders",
    flags: "--requestheader-uid-headers <names>",
    description: "headers with the user's uid",
    default: "",
    parse: commaList,
    repeats: true,
  },
  {
    key: "requestheaderGroupHeaders",
    flags: "--requestheader-group-headers <names>",
    description: "headers with the user's groups",
    default: "X-Remote-Group",
    parse: commaList,
    repeats: true,
  },
  {
    key: "requestheaderExtraHeadersPrefix",
    flags: "--requestheader-extra-headers-prefix <prefixes>",
    description: "beginning of headers with more about the user",
    default: "X-Remote-Extra-",
    parse: commaList,
    repeats: true,
  },
  {
    key: "serviceAccountIssuer",
    flags: "--service-account-issuer <urls>",
    description: "issuer of service account tokens; tokens of further ones, after commas, stay good",
    default: "https://kubernetes.default.svc.cluster.local",
    parse: commaList,
    repeats: true,
  },
  {
    key: "serviceAccountSigningKeyFile",
    flags: "--service-account-signing-key-file <file>",
    description: "private key that signs them (default: the cluster's own)",
  },
  {
    key: "serviceAccountSigningEndpoint",
    flags: "--service-account-signing-endpoint <socket>",
    description: "socket of a program that signs them in place of a key, and says which keys are good; excludes both options of keys",
    parse: socketName,
  },
  {
    key: "serviceAccountKeyFile",
    flags: "--service-account-key-file <files>",
    description: "further keys whose signatures stay good",
    default: "",
    parse: commaList,
    repeats: true,
  },
  {
    key: "serviceAccountMaxTokenExpiration",
    flags: "--service-account-max-token-expiration <duration>",
    description: "the longest life a token may ask for, at least one hour",
    parse: tokenLife,
  },
  { key: "serviceAccountJwksUri", flags: "--service-account-jwks-uri <url>", description: "where others find the keys (default: at the issuer)" },
  {
    key: "serviceAccountLookup",
    flags: "--service-account-lookup <bool>",
    description: "take tokens that are kept in Secrets only while the Secret and its account are there",
    default: "true",
    parse: bool,
  },
  {
    key: "clusterSigningCertFile",
    flags: "--cluster-signing-cert-file <file>",
    description:
      "authority that signs approved CertificateSigningRequests; name it with --client-ca-file as well to take what it signs (default: the cluster's own)",
  },
  { key: "clusterSigningKeyFile", flags: "--cluster-signing-key-file <file>", description: "its key" },
  {
    key: "clusterSigningDuration",
    flags: "--cluster-signing-duration <duration>",
    description: "the longest life that they get",
    default: "8760h0m0s",
    parse: durationMs,
  },
  {
    key: "apiAudiences",
    flags: "--api-audiences <names>",
    description: "audiences whose tokens this API takes (default: the issuers)",
    default: "",
    parse: commaList,
    repeats: true,
  },
];

function listOf(values: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const given = commaList(text);
    const unknown = given.find((one) => !values.includes(one));
    if (given.length === 0 || unknown !== undefined || new Set(given).size < given.length)
      throw new Error(`must be one or more of ${values.join(", ")}, each once`);
    return given;
  };
}

/** Of who signs tokens; undefined when all is well. */
export function tokenSigningProblem({
  serviceAccountSigningEndpoint,
  serviceAccountSigningKeyFile,
  serviceAccountKeyFile,
}: Pick<AuthConfig, "serviceAccountSigningEndpoint" | "serviceAccountSigningKeyFile" | "serviceAccountKeyFile">): string | undefined {
  if (serviceAccountSigningEndpoint === undefined || (serviceAccountSigningKeyFile === undefined && serviceAccountKeyFile.length === 0)) return undefined;
  return "can't set --service-account-signing-key-file and/or --service-account-key-file with --service-account-signing-endpoint: they exclude each other";
}

function socketName(text: string): string | undefined {
  if (text === "") return undefined;
  if (text.startsWith("@") && !/^@([a-zA-Z0-9_-]+\.)*[a-zA-Z0-9_-]+$/.test(text)) throw new Error("when prefixed with @ must be a valid abstract socket name");
  return text;
}

function tokenLife(text: string): number {
  const ms = durationMs(text);
  if (ms < 3_600_000) throw new Error("must be at least 1h");
  return ms / 1000;
}
