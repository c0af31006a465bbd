/** Whether an address to listen at is reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return /^(127\.|::1$|localhost$)/.test(address);
}

/** Whether an address to listen at stands for all addresses of the machine. */
export function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** The address by which this machine reaches what listens at all of them. */
export function loopbackOf(unspecified: string): string {
  return unspecified === "::" ? "::1" : "127.0.0.1";
}
