import { existsSync, readFileSync } from "node:fs";

const PARSERS = ["/sbin/apparmor_parser", "/usr/sbin/apparmor_parser"];

/** Whether the machine can hold containers to AppArmor profiles: its kernel does, and there is what loads them. */
export function hasAppArmor(): boolean {
  const enabled = "/sys/module/apparmor/parameters/enabled";
  return existsSync(enabled) && readFileSync(enabled, "utf8").startsWith("Y") && PARSERS.some((parser) => existsSync(parser));
}
