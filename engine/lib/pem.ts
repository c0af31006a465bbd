/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** What it says that it is: `CERTIFICATE`. */
  readonly type: string;
  /** With its first and last line. */
  readonly pem: string;
  /** Without them. */
  readonly content: string;
}

/** Each beginning that is followed by its end, in one pass: an expression for both would look for the end of each from its place on. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let begun: { readonly type: string; readonly start: number; readonly contentStart: number } | undefined;
  for (const { 0: line, 1: word, 2: type = "", index } of text.matchAll(/-----(BEGIN|END) ([^-\n]{1,100})-----/g)) {
    if (word === "BEGIN") begun = { type, start: index, contentStart: index + line.length };
    else if (begun?.type === type) {
      blocks.push({ type, pem: text.slice(begun.start, index + line.length), content: text.slice(begun.contentStart, index) });
      begun = undefined;
    }
  }
  return blocks;
}

/** Every certificate of a PEM text, as PEM of its own. */
export function certificatesIn(text: string): readonly string[] {
  return pemBlocks(text).flatMap(({ type, pem }) => (type === "CERTIFICATE" ? [pem] : []));
}

/** A block of its own, with a line end behind it. */
export function toPem(type: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${type}-----`, ...lines, `-----END ${type}-----`, ""].join("\n");
}
