import { createHash } from "node:crypto";

/** What a server calls itself where upstream's do, in its Lease and in traces: it follows from the machine's name alone. */
export function serverIdentity(hostname: string): string {
  const prefixed = (text: string) => Buffer.concat([Buffer.of(text.length >> 8, text.length & 255), Buffer.from(text)]);
  const hash = createHash("sha256").update(prefixed(hostname)).update(prefixed("kube-apiserver")).digest().subarray(0, 16);
  return `apiserver-${base32(hash)}`;
}

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? []).map((five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five.padEnd(5, "0"), 2)]).join("");
}
