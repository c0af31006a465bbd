import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import type { ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction, TCPSocketAction } from "../types.ts";
import { portNameErrors } from "./port-name.ts";

type Handler = { readonly exec?: ExecAction; readonly httpGet?: HTTPGetAction; readonly tcpSocket?: TCPSocketAction; readonly grpc?: GRPCAction; readonly sleep?: SleepAction };

/** A container can only be seen to be alive or started once; only readiness may ask for several good checks in a row. */
export function validateProbe(probe: Probe | undefined, path: string, kind: "liveness" | "readiness" | "startup"): FieldError[] {
  if (probe === undefined) return [];
  const errors = validateHandler(probe, path);
  if (kind !== "readiness" && (probe.successThreshold ?? 1) !== 1) errors.push(invalidField(`${path}.successThreshold`, probe.successThreshold, "must be 1"));
  if (probe.terminationGracePeriodSeconds !== undefined) {
    if (kind === "readiness") errors.push(invalidField(`${path}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, "must not be set for readinessProbes"));
    else if (probe.terminationGracePeriodSeconds <= 0) errors.push(invalidField(`${path}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, "must be greater than 0"));
  }
  return errors;
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, path: string): FieldError[] {
  const validate = (handler: LifecycleHandler | undefined, at: string) => (handler === undefined ? [] : validateHandler(handler, at));
  return [...validate(lifecycle?.postStart, `${path}.postStart`), ...validate(lifecycle?.preStop, `${path}.preStop`)];
}

function validateHandler(handler: Handler, path: string): FieldError[] {
  const given = (["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const).filter((kind) => handler[kind] !== undefined);
  const [first, ...others] = given;
  if (first === undefined) return [requiredField(path, "must specify a handler type")];
  const errors: FieldError[] = [];
  if (first === "exec" && (handler.exec?.command ?? []).length === 0) errors.push(requiredField(`${path}.exec.command`));
  if (first === "httpGet" && handler.httpGet?.path === "") errors.push(requiredField(`${path}.httpGet.path`));
  if (first === "httpGet") errors.push(...validatePort(handler.httpGet?.port, `${path}.httpGet.port`), ...validateHeaders(handler.httpGet, `${path}.httpGet.httpHeaders`));
  if (first === "tcpSocket") errors.push(...validatePort(handler.tcpSocket?.port, `${path}.tcpSocket.port`));
  if (first === "grpc") errors.push(...validatePort(handler.grpc?.port, `${path}.grpc.port`));
  if (first === "sleep" && (handler.sleep?.seconds ?? 0) < 0) errors.push(invalidField(`${path}.sleep`, handler.sleep?.seconds, "must be a non-negative integer"));
  return [...errors, ...others.map((kind) => forbiddenField(`${path}.${kind}`, "may not specify more than 1 handler type"))];
}

/** A port by number or name. */
function validatePort(port: number | string | undefined, path: string): FieldError[] {
  if (typeof port === "string") return portNameErrors(port).map((problem) => invalidField(path, port, problem));
  return port !== undefined && port >= 1 && port <= 65_535 ? [] : [invalidField(path, port ?? 0, "must be between 1 and 65535, inclusive")];
}

function validateHeaders(action: HTTPGetAction | undefined, path: string): FieldError[] {
  return (action?.httpHeaders ?? [])
    .map((header, index) => ({ header, at: `${path}[${index}].name` }))
    .filter(({ header }) => !/^[-A-Za-z0-9]+$/.test(header.name))
    .map(({ header, at }) =>
      invalidField(at, header.name, "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"),
    );
}
