import path from "node:path";
import { findKubectls } from "./kubectl.ts";

/**
 * Before the tests with real parts: a fresh machine has no kubectl, or one too old to speak to a current API. Then Debian's newest,
 * unpacked beside the system, leads PATH for this run. In CI its absence is a failure; elsewhere the tests that need it say so.
 */
export default async function provideKubectl(): Promise<void> {
  const kubectls = await findKubectls();
  if (kubectls.length === 0) {
    const reason = "no kubectl of version 1.32 or newer is installed, and none could be fetched from a Debian mirror";
    if (process.env["CI"]) throw new Error(reason);
    console.log(`${reason}: tests that use it fail or are skipped`);
    return;
  }
  if (kubectls.some(({ binary }) => binary === "kubectl")) return;
  process.env["PATH"] = `${path.dirname(kubectls[0]?.binary ?? "")}:${process.env["PATH"] ?? ""}`;
}
