/** Whether an address to listen at is reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return /^(127\.|::1$|localhost$)/.test(address);
}
