import path from "node:path";

/** Where a server writes what it does. */
export function serverLog(dataDir: string): string {
  return path.join(dataDir, "mainstay.log");
}
