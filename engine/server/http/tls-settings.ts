export type TlsVersion = "TLSv1.2" | "TLSv1.3";

const VERSIONS: Readonly<Record<string, TlsVersion>> = { VersionTLS12: "TLSv1.2", VersionTLS13: "TLSv1.3" };

/** These are always there where TLS 1.3 is spoken: nobody may choose, as in upstream's language. */
const NEWEST = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** By upstream's names of versions. Throws for those that are too old to be served. */
export function parseTlsVersion(text: string): TlsVersion {
  const version = VERSIONS[text];
  if (version === undefined) throw new Error(`must be ${Object.keys(VERSIONS).join(" or ")}; older versions are not served`);
  return version;
}

/** The list for OpenSSL of ciphers that are named as IANA does; undefined for none. Throws for a name that is not known or not safe. */
export function parseTlsCiphers(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const older = names.filter((name) => !NEWEST.includes(name)).map(opensslName);
  return [...NEWEST, ...older].join(":");
}

/** By the numbers that TLS and upstream's language give them (IANA, TLS Supported Groups). */
const GROUPS: Readonly<Record<string, string>> = {
  23: "P-256",
  24: "P-384",
  25: "P-521",
  29: "X25519",
  4587: "SecP256r1MLKEM768",
  4588: "X25519MLKEM768",
  4589: "SecP384r1MLKEM1024",
};

/** OpenSSL's list of the ways to agree on a key that are numbered so; undefined for none. Throws for a number that is not known, or there twice. */
export function parseTlsGroups(numbers: readonly string[]): string | undefined {
  const names = numbers.map((number, index) => {
    const name = GROUPS[number];
    if (name === undefined)
      throw new Error(
        `${number} is not known here: it must be one of ${Object.entries(GROUPS)
          .map(([known, what]) => `${known} (${what})`)
          .join(", ")}`,
      );
    if (numbers.indexOf(number) < index) throw new Error(`${number} is there twice`);
    return name;
  });
  return names.length === 0 ? undefined : names.join(":");
}

/** TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256. */
function opensslName(name: string): string {
  const [, exchange, cipher] =
    /^TLS_(ECDHE_RSA|ECDHE_ECDSA|RSA)_WITH_(AES_128_GCM_SHA256|AES_256_GCM_SHA384|AES_128_CBC_SHA|AES_256_CBC_SHA|AES_128_CBC_SHA256|CHACHA20_POLY1305(?:_SHA256)?)$/.exec(
      name,
    ) ?? [];
  if (exchange === undefined || cipher === undefined || (exchange === "RSA" && cipher.startsWith("CHACHA20"))) throw new Error(`${name} is not known here`);
  const short = cipher.startsWith("CHACHA20") ? "CHACHA20-POLY1305" : cipher.replace(/^AES_(\d+)_(?:CBC_)?/, "AES$1-").replaceAll("_", "-");
  return exchange === "RSA" ? short : `${exchange.replace("_", "-")}-${short}`;
}
