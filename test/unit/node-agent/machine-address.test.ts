import { expect, test } from "vitest";
import { defaultInterface } from "../../../node-agent/config.ts";

const HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
const route = (device: string, destination: string, mask: string, metric: number) => `${device}\t${destination}\t010200C0\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0  `;

test("a machine is addressed by the interface of its cheapest route to everywhere", () => {
  const table = [HEADER, route("lan0", "000200C0", "00FFFFFF", 0), route("wifi0", "00000000", "00000000", 600), route("eth0", "00000000", "00000000", 100), route("vpn0", "00000000", "00000080", 0), ""].join("\n");
  expect(defaultInterface(table)).toBe("eth0");
});

test("a machine without such a route has no such interface", () => {
  expect(defaultInterface([HEADER, route("lan0", "000200C0", "00FFFFFF", 0)].join("\n"))).toBeUndefined();
  expect(defaultInterface("")).toBeUndefined();
});
