import { forbiddenField, invalidField, invalidFields, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import type { ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction, TCPSocketAction } from "../types.ts";
import { portNameErrors } from "./port-name.ts";
import { stopSignals } from "./stop-signals.ts";

type Handler = {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
  readonly sleep?: SleepAction;
};

/** What handlers of one pod are judged by. */
export interface HandlerContext {
  /** The pod's time to end, which a sleep before it cannot exceed. */
  readonly graceSeconds: number;
  readonly osName: string | undefined;
}

/** A container can only be seen to be alive or started once; only readiness may ask for several good checks in a row. */
export function validateProbe(probe: Probe | undefined, path: string, kind: "liveness" | "readiness" | "startup", context: HandlerContext): FieldError[] {
  if (probe === undefined) return [];
  const errors = validateHandler(probe, path, context);
  for (const field of ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] as const) {
    if ((probe[field] ?? 0) < 0) errors.push(invalidField(`${path}.${field}`, probe[field], "must be greater than or equal to 0"));
  }
  const { terminationGracePeriodSeconds: grace, successThreshold } = probe;
  if (grace !== undefined && grace <= 0) errors.push(invalidField(`${path}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
  if (grace !== undefined && kind === "readiness")
    errors.push(invalidField(`${path}.terminationGracePeriodSeconds`, grace, "must not be set for readinessProbes"));
  if (kind !== "readiness" && (successThreshold || 1) !== 1) errors.push(invalidField(`${path}.successThreshold`, successThreshold, "must be 1"));
  return errors;
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, path: string, context: HandlerContext): FieldError[] {
  const validate = (handler: LifecycleHandler | undefined, at: string) => (handler === undefined ? [] : validateHandler(handler, at, context));
  const signal = lifecycle?.stopSignal;
  return [
    ...validate(lifecycle?.postStart, `${path}.postStart`),
    ...validate(lifecycle?.preStop, `${path}.preStop`),
    ...(signal === undefined ? [] : signalErrors(signal, `${path}.stopSignal`, context.osName)),
  ];
}

function validateHandler(handler: Handler, path: string, { graceSeconds }: HandlerContext): FieldError[] {
  const given = (["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const).filter((kind) => handler[kind] !== undefined);
  const [first, ...others] = given;
  if (first === undefined) return [requiredField(path, "must specify a handler type")];
  const errors: FieldError[] = [];
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (first === "exec" && (exec?.command ?? []).length === 0) errors.push(requiredField(`${path}.exec.command`));
  if (first === "httpGet") errors.push(...validatePort(httpGet?.port, `${path}.httpGet.port`), ...headerErrors(httpGet, `${path}.httpGet.httpHeaders`));
  if (first === "tcpSocket") errors.push(...validatePort(tcpSocket?.port, `${path}.tcpSocket.port`));
  if (first === "grpc") errors.push(...validatePort(grpc?.port, `${path}.grpc.port`));
  if (first === "sleep" && sleep !== undefined && (sleep.seconds < 0 || sleep.seconds > graceSeconds)) {
    errors.push(invalidField(`${path}.sleep`, sleep.seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`));
  }
  return [...errors, ...others.map((kind) => forbiddenField(`${path}.${kind}`, "may not specify more than 1 handler type"))];
}

/** A port by number or name. */
function validatePort(port: number | string | undefined, path: string): FieldError[] {
  if (typeof port === "string") return invalidFields(path, port, portNameErrors(port));
  return port !== undefined && port >= 1 && port <= 65_535 ? [] : [invalidField(path, port ?? 0, "must be between 1 and 65535, inclusive")];
}

function headerErrors(action: HTTPGetAction | undefined, path: string): FieldError[] {
  return (action?.httpHeaders ?? [])
    .filter(({ name }) => !/^[-A-Za-z0-9]+$/.test(name))
    .map(({ name }) =>
      invalidField(
        path,
        name,
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
      ),
    );
}

/** Signals have names that differ between systems, so the pod must say which it is for. */
function signalErrors(signal: string, at: string, osName: string | undefined): FieldError[] {
  if (osName === undefined) return [forbiddenField(at, "may not be set for containers with empty `spec.os.name`")];
  const known = stopSignals(osName);
  return known === undefined || known.includes(signal) ? [] : [unsupportedValue(at, signal, known)];
}
