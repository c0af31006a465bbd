import { amount, bool, durationMs, type OptionRowOf } from "./option-values.ts";
import { commaList } from "../lib/comma-list.ts";
import { urlHost } from "../lib/net/ip-address.ts";
import { parseTlsCiphers, parseTlsGroups, parseTlsVersion, type TlsVersion } from "../server/http/tls-settings.ts";

/** How the API is served to its clients: switches under upstream's names. */
export interface ServingConfig {
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly tlsSniCertKey: readonly NamedCertificateFiles[];
  readonly tlsMinVersion: TlsVersion;
  /** As OpenSSL names them; its usual ones when undefined. */
  readonly tlsCipherSuites: string | undefined;
  readonly tlsCurvePreferences: string | undefined;
  readonly certDir: string | undefined;
  readonly strictTransportSecurityDirectives: readonly string[];
  readonly corsAllowedOrigins: readonly RegExp[];
  readonly http2MaxStreamsPerConnection: number;
  readonly disableHttp2Serving: boolean;
  readonly goawayChance: number;
  readonly permitPortSharing: boolean;
  readonly externalHostname: string | undefined;
  readonly aggregatorRejectForwardingRedirect: boolean;
  readonly egressSelectorConfigFile: string | undefined;
  readonly shutdownDelayDuration: number;
  readonly advertiseAddress: string | undefined;
  readonly endpointReconcilerType: "lease" | "none";
}

/** A certificate for who asks by these names; by those in it where there are none. */
export interface NamedCertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly names: readonly string[];
}

export const servingOptions: readonly OptionRowOf<ServingConfig>[] = [
  {
    key: "tlsCertFile",
    flags: "--tls-cert-file <file>",
    description:
      "certificate that the API shows, with its chain; it has to be good for the addresses by which people and pods come (default: one of the cluster's authority)",
  },
  { key: "tlsPrivateKeyFile", flags: "--tls-private-key-file <file>", description: "its key" },
  {
    key: "tlsSniCertKey",
    flags: "--tls-sni-cert-key <cert,key[:names]>",
    description: "a further certificate for those who ask by other names, such as ops.crt,ops.key:*.example.com,example.org (default names: those in it)",
    default: "",
    parse: namedCertificates,
    repeats: "lines",
  },
  { key: "tlsMinVersion", flags: "--tls-min-version <version>", description: "VersionTLS12 or VersionTLS13", default: "VersionTLS12", parse: parseTlsVersion },
  {
    key: "tlsCipherSuites",
    flags: "--tls-cipher-suites <names>",
    description: "ciphers below TLS 1.3, by their IANA names (default: OpenSSL's)",
    default: "",
    parse: (text) => parseTlsCiphers(commaList(text)),
    repeats: true,
  },
  {
    key: "tlsCurvePreferences",
    flags: "--tls-curve-preferences <numbers>",
    description: "ways to agree on a key, by their numbers in TLS: 23, 24, 25, 29, 4587, 4588 and 4589 are known (default: OpenSSL's)",
    default: "",
    parse: (text) => parseTlsGroups(commaList(text)),
    repeats: true,
  },
  {
    key: "certDir",
    flags: "--cert-dir <dir>",
    description: "folder with that certificate and its key, apiserver.crt and apiserver.key, where they are not named",
  },
  {
    key: "strictTransportSecurityDirectives",
    flags: "--strict-transport-security-directives <directives>",
    description: "what browsers are told about coming back without TLS, such as max-age=31536000,includeSubDomains,preload; nothing when empty",
    default: "",
    parse: transportSecurity,
    repeats: true,
  },
  {
    key: "corsAllowedOrigins",
    flags: "--cors-allowed-origins <patterns>",
    description: "regular expressions of origins whose pages browsers let call the API, such as //example\\.com(:|$); none when empty",
    default: "",
    parse: (text) => commaList(text).map(originPattern),
    repeats: true,
  },
  {
    key: "http2MaxStreamsPerConnection",
    flags: "--http2-max-streams-per-connection <count>",
    description: "requests at once on one connection",
    default: "1000",
    parse: amount,
  },
  { key: "disableHttp2Serving", flags: "--disable-http2-serving <bool>", description: "speak HTTP/1.1 only", default: "false", parse: bool },
  {
    key: "goawayChance",
    flags: "--goaway-chance <fraction>",
    description: "how many requests of HTTP/2 are the last of their connection, up to 0.02, so that clients behind a load balancer spread anew over servers",
    default: "0",
    parse: goawayChance,
  },
  {
    key: "permitPortSharing",
    flags: "--permit-port-sharing <bool>",
    description: "let other processes listen at the API's address and port as well (SO_REUSEPORT), so that a new one can take over from an old one",
    default: "false",
    parse: bool,
  },
  {
    key: "externalHostname",
    flags: "--external-hostname <host>",
    description: "name, and perhaps port, by which others find the keys of service account tokens here, where --service-account-jwks-uri names no other place",
    parse: hostName,
  },
  {
    key: "aggregatorRejectForwardingRedirect",
    flags: "--aggregator-reject-forwarding-redirect <bool>",
    description: "answer with a failure when a server behind the API sends clients elsewhere",
    default: "true",
    parse: bool,
  },
  {
    key: "egressSelectorConfigFile",
    flags: "--egress-selector-config-file <file>",
    description: "EgressSelectorConfiguration: by which proxies nodes, pods and Services, and other servers of the control plane, are reached",
  },
  {
    key: "shutdownDelayDuration",
    flags: "--shutdown-delay-duration <duration>",
    description: "how long the API is served on when it is told to end, while /readyz says so",
    default: "0s",
    parse: durationMs,
  },
  {
    key: "advertiseAddress",
    flags: "--advertise-address <ip>",
    description: "address by which pods and other machines reach this server (default: that of the node)",
  },
  {
    key: "endpointReconcilerType",
    flags: "--endpoint-reconciler-type <type>",
    description: "lease: the servers keep their addresses behind the Service default/kubernetes; none: somebody else does",
    default: "lease",
    parse: endpointReconciler,
  },
];

function namedCertificates(text: string): readonly NamedCertificateFiles[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [files = "", names = ""] = line.split(":", 2);
      const [certificate = "", key = "", ...others] = files.split(",").map((part) => part.trim());
      if (certificate === "" || key === "" || others.length > 0) throw new Error("must be cert,key, with names after a colon");
      return { certificate, key, names: commaList(names) };
    });
}

function transportSecurity(text: string): readonly string[] {
  const directives = commaList(text);
  if (!directives.every((directive) => /^(max-age=[^=]+|includeSubDomains|preload)$/.test(directive)))
    throw new Error("must be some of max-age=SECONDS, includeSubDomains and preload");
  return directives;
}

/** A pattern that says where the host begins and ends: without that, evil-example.com would be let in with example.com. */
function originPattern(text: string): RegExp {
  const pattern = new RegExp(text);
  if (!/\^|\/\//.test(text) || !/[$:]/.test(text)) throw new Error("must pin the start (^ or //) and the end ($ or :) of the host");
  return pattern;
}

function hostName(text: string): string {
  const url = URL.parse(`https://${urlHost(text)}`);
  if (url === null || text.includes("/") || url.username !== "" || url.search !== "" || url.hash !== "")
    throw new Error("must be a name or an address, and perhaps a port");
  return text;
}

function goawayChance(text: string): number {
  const chance = Number(text);
  if (text === "" || !(chance >= 0 && chance <= 0.02)) throw new Error("must be from 0 to 0.02");
  return chance;
}

function endpointReconciler(text: string): "lease" | "none" {
  // The oldest way counted masters; leases replaced it.
  if (text === "lease" || text === "master-count") return "lease";
  if (text === "none") return "none";
  throw new Error("must be lease, master-count or none");
}
