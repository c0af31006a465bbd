import { expect, test } from "vitest";
import { agentAddresses, defaultInterface, defaultInterface6 } from "../../../node-agent/machine-address.ts";

const HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
const route = (device: string, destination: string, mask: string, metric: number) => `${device}\t${destination}\t010200C0\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0  `;

test("a machine is addressed by the interface of its cheapest route to everywhere", () => {
  const table = [
    HEADER,
    route("lan0", "000200C0", "00FFFFFF", 0),
    route("wifi0", "00000000", "00000000", 600),
    route("eth0", "00000000", "00000000", 100),
    route("vpn0", "00000000", "00000080", 0),
    "",
  ].join("\n");
  expect(defaultInterface(table)).toBe("eth0");
});

test("a machine without such a route has no such interface", () => {
  expect(defaultInterface([HEADER, route("lan0", "000200C0", "00FFFFFF", 0)].join("\n"))).toBeUndefined();
  expect(defaultInterface("")).toBeUndefined();
});

test("of IPv6 there is another table, in which the loopback device has routes too", () => {
  const zero = "0".repeat(32);
  const route6 = (device: string, destination: string, prefix: string, metric: string) => `${destination} ${prefix} ${zero} 00 ${zero} ${metric} 00000001 00000000 00000003 ${device.padStart(8)}`;
  const table = [
    route6("lan0", `fd00${"0".repeat(28)}`, "40", "00000100"),
    route6("wifi0", zero, "00", "00000400"),
    route6("eth0", zero, "00", "00000100"),
    route6("lo", zero, "00", "00000000"),
    "",
  ].join("\n");
  expect(defaultInterface6(table)).toBe("eth0");
  expect(defaultInterface6("")).toBeUndefined();
});

test("an agent has the addresses that it was told", () => {
  expect(agentAddresses({ nodeIp: "fd00::7,192.0.2.7", clusterCidr: "10.42.0.0/16" })).toEqual(["fd00::7", "192.0.2.7"]);
});
