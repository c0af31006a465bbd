import path from "node:path";
import type { Secret } from "../../engine/resources/types.ts";
import type { RegistryCredentials } from "../cri/runtime.ts";
import { asObject, parseObject } from "./json-object.ts";

/** What is asked for images whose name has no registry in it. */
const HUB = "index.docker.io";

/** Credentials, and the Secret that they are of. */
export interface ChosenCredentials {
  readonly credentials: RegistryCredentials;
  readonly secret: Secret;
}

interface Entry extends ChosenCredentials {
  readonly host: string;
  readonly path: string;
}

/**
 * The credentials in Secrets of the types dockerconfigjson and dockercfg that fit an image, those for the longest place first. An entry fits when
 * its host (each of whose parts may have wildcards) is the image's and its path is the beginning of the image's; `image` is a full name. What
 * cannot be read is left out: another entry may do. Pure.
 */
export function chooseCredentials(image: string, secrets: readonly Secret[]): readonly ChosenCredentials[] {
  const [host = "", ...rest] = image.split("/");
  const target = { host, path: `/${rest.join("/")}` };
  const entries = secrets.flatMap(entriesOf).sort((a, b) => (b.host + b.path < a.host + a.path ? -1 : 1));
  const fitting = entries.filter((entry) => fits(entry, target));
  const chosen = fitting.length === 0 && host === "docker.io" ? entries.filter((entry) => entry.host === HUB) : fitting;
  return chosen.map(({ credentials, secret }) => ({ credentials, secret }));
}

function entriesOf(secret: Secret): Entry[] {
  const isOld = secret.type === "kubernetes.io/dockercfg";
  if (!isOld && secret.type !== "kubernetes.io/dockerconfigjson") return [];
  const text = Buffer.from(secret.data?.[isOld ? ".dockercfg" : ".dockerconfigjson"] ?? "", "base64").toString("utf8");
  const config = parseObject(text);
  return Object.entries((isOld ? config : asObject(config["auths"])) ?? {}).flatMap(([place, entry]) => {
    const url = URL.parse(/^https?:\/\//.test(place) ? place : `https://${place}`);
    const credentials = credentialsOf(asObject(entry));
    // Registries' versions of the protocol are not part of a place.
    return url === null || credentials === undefined
      ? []
      : [{ host: decodeURIComponent(url.host), path: url.pathname.replace(/^\/v[12](?=\/|$)/, "").replace(/^\/$/, ""), credentials, secret }];
  });
}

function credentialsOf(entry: Readonly<Record<string, unknown>>): RegistryCredentials | undefined {
  const text = (field: string) => (typeof entry[field] === "string" ? entry[field] : "");
  const [, username = text("username"), password = text("password")] = /^([^:]*):(.*)$/s.exec(Buffer.from(text("auth"), "base64").toString("utf8")) ?? [];
  const credentials = { username, password, identityToken: text("identitytoken"), registryToken: text("registrytoken") };
  return Object.values(credentials).some((value) => value !== "") ? credentials : undefined;
}

function fits(entry: Entry, target: { readonly host: string; readonly path: string }): boolean {
  const [pattern, host] = [split(entry.host), split(target.host)];
  return (
    pattern.port === host.port &&
    pattern.parts.length === host.parts.length &&
    target.path.startsWith(entry.path) &&
    pattern.parts.every((part, index) => path.matchesGlob(host.parts[index] ?? "", part))
  );
}

function split(host: string): { readonly parts: readonly string[]; readonly port: string } {
  const [, name = host, port = ""] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return { parts: name.split("."), port };
}
