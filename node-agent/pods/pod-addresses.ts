import { familyOf } from "../../engine/lib/net/ip-address.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { SandboxState } from "../cri/runtime.ts";

/** The pod's addresses, one of each family, that of the machine's first family first: on the host's network the machine's. Pure. */
export function podAddresses({ spec }: Pod, sandbox: Pick<SandboxState, "ips"> | undefined, hostIps: readonly string[]): readonly string[] {
  if (spec.hostNetwork === true) return hostIps;
  const usual = familyOf(hostIps[0] ?? "");
  const ips = sandbox?.ips ?? [];
  const first = ips.find((ip) => familyOf(ip) === usual) ?? ips[0];
  const second = ips.find((ip) => first !== undefined && familyOf(ip) !== familyOf(first));
  return [first, second].filter((ip) => ip !== undefined);
}
