import { StatusError } from "../apimachinery/status-error.ts";
import { formatYaml } from "../apimachinery/yaml/yaml.ts";
import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { header, type HttpRequest } from "./http/http-request.ts";
import { JSON_TYPE, parseAccept, YAML_TYPE } from "./http/negotiation.ts";
import type { PathAnswer } from "./paths.ts";
import { KUBERNETES_VERSION } from "./version.ts";

/** What a server tells of itself to whoever looks after it (KEP 4827 and 4828). */
export interface ComponentPagesOptions {
  readonly clock: Clock;
  readonly disabled: FeatureGates;
  /** What it was started with, by option; secrets are left out already. */
  readonly flags: Readonly<Record<string, string>>;
}

interface ComponentPage {
  readonly method: "GET";
  readonly path: string;
  readonly handle: (request: HttpRequest) => PathAnswer;
}

const NAME = "apiserver";
const GROUP = "config.k8s.io";
/** The older one comes with a warning. */
const VERSIONS = ["v1beta1", "v1alpha1"];
const TEXT_TYPE = "text/plain";
/** Pages that say how the server is, beside those of this file. */
const OTHERS = ["/healthz", "/livez", "/metrics", "/readyz", "/version"];

/** /statusz and /flagz, unless they are switched off: a text for people, and an object for those who ask for one by its kind. */
export function componentPages({ clock, disabled, flags }: ComponentPagesOptions): readonly ComponentPage[] {
  const startedMs = clock.now() - process.uptime() * 1000;
  const pages = [...(disabled.has("ComponentStatusz") ? [] : ["/statusz"]), ...(disabled.has("ComponentFlagz") ? [] : ["/flagz"])];
  const status = () => ({
    startTime: formatTime(startedMs),
    uptimeSeconds: Math.max(0, Math.floor((clock.now() - startedMs) / 1000)),
    goVersion: "",
    binaryVersion: `${KUBERNETES_VERSION.major}.${KUBERNETES_VERSION.minor}.${KUBERNETES_VERSION.patch}`,
    emulationVersion: `${KUBERNETES_VERSION.major}.${KUBERNETES_VERSION.minor}`,
    paths: [...OTHERS, ...pages].sort(),
  });
  const contents: Readonly<Record<string, { readonly kind: string; readonly object: () => object; readonly text: () => string }>> = {
    "/statusz": { kind: "Statusz", object: status, text: () => statusText(status()) },
    "/flagz": {
      kind: "Flagz",
      object: () => ({ flags }),
      text: () =>
        Object.entries(flags)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => `${name}=${value}\n`)
          .join(""),
    },
  };
  return pages.flatMap((path) => {
    const content = contents[path];
    if (content === undefined) return [];
    const { kind, object, text } = content;
    return [
      {
        method: "GET",
        path,
        handle(request) {
          const form = chooseForm(header(request, "accept"), kind);
          if (form === "text")
            return {
              code: 200,
              contentType: `${TEXT_TYPE}; charset=utf-8`,
              body: Buffer.from(
                `\n${NAME} ${kind.toLowerCase()}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n${text()}`,
              ),
            };
          if (form.version !== VERSIONS[0])
            request.notes?.warn(`This version of the ${kind.toLowerCase()} endpoint is deprecated. Please use a newer version.`);
          const whole = { kind, apiVersion: `${GROUP}/${form.version}`, metadata: { name: NAME }, ...object() };
          return { code: 200, contentType: form.type, body: Buffer.from(form.type === YAML_TYPE ? formatYaml(whole) : `${JSON.stringify(whole)}\n`) };
        },
      },
    ];
  });
}

/** The first of the client's wishes that can be met: objects only for who names their kind and version. Throws a 406 when there is none. */
function chooseForm(accept: string | undefined, kind: string): "text" | { readonly type: string; readonly version: string } {
  if (accept === undefined || accept.trim() === "") return "text";
  for (const { type, parameters } of parseAccept(accept)) {
    const [as, group, version = ""] = [parameters.get("as"), parameters.get("g"), parameters.get("v")];
    if (as === undefined && [TEXT_TYPE, "text/*", "*/*"].includes(type)) return "text";
    if (as !== kind || group !== GROUP || !VERSIONS.includes(version)) continue;
    if (type === YAML_TYPE) return { type, version };
    if ([JSON_TYPE, "application/*", "*/*"].includes(type)) return { type: JSON_TYPE, version };
  }
  throw new StatusError("NotAcceptable", `only the following media types are accepted: ${[JSON_TYPE, YAML_TYPE, TEXT_TYPE].join(", ")}`);
}

function statusText({
  startTime,
  uptimeSeconds,
  binaryVersion,
  emulationVersion,
  paths,
}: {
  readonly startTime: string;
  readonly uptimeSeconds: number;
  readonly binaryVersion: string;
  readonly emulationVersion: string;
  readonly paths: readonly string[];
}): string {
  const [hours, minutes, seconds] = [Math.floor(uptimeSeconds / 3600), Math.floor(uptimeSeconds / 60) % 60, uptimeSeconds % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return `\nStarted: ${startTime}\nUp: ${hours} hr ${two(minutes)} min ${two(seconds)} sec\nBinary version: ${binaryVersion}\nEmulation version: ${emulationVersion}\nPaths: ${paths.join(" ")}\n`;
}
