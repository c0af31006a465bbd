/** Upstream's metav1.Status: the body of every failure, and of a delete that finished at once. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: StatusReason;
  readonly details?: StatusDetails;
  readonly code: number;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The lower-case resource for 404 and 409, the Kind for 422: clients compare it. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** Reasons that clients branch on, with the HTTP code each one carries. */
const REASON_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof REASON_CODES;

/** A failure of the API, ready to be sent. Everything that the request caused is one of these; anything else is our bug (500). */
export class StatusError extends Error {
  readonly status: Status;

  constructor(reason: StatusReason, message: string, details?: StatusDetails, metadata: Status["metadata"] = {}) {
    super(message);
    this.name = "StatusError";
    this.status = {
      kind: "Status",
      apiVersion: "v1",
      metadata,
      status: "Failure",
      message,
      reason,
      ...(details ? { details } : {}),
      code: REASON_CODES[reason],
    };
  }

  get reason(): StatusReason | undefined {
    return this.status.reason;
  }

  /** Rebuilds the error from a Status received over the wire. */
  static from(status: Status): StatusError {
    const error = new StatusError(status.reason ?? "InternalError", status.message ?? "unknown", status.details, status.metadata);
    (error as { status: Status }).status = status;
    return error;
  }
}

/** Whether an error is an API failure of one of these reasons. */
export function hasReason(error: unknown, ...reasons: readonly StatusReason[]): error is StatusError {
  return error instanceof StatusError && error.reason !== undefined && reasons.includes(error.reason);
}

/** Whether the server itself failed at this request: what it has to ask for such an object, a webhook mostly, does not answer. It may well serve others. */
export function isServerFailure(error: unknown): error is StatusError {
  return error instanceof StatusError && error.status.code === REASON_CODES.InternalError && error.reason !== "ServerTimeout";
}

/** Runs work that may find its object gone; that is success, for what was wanted of it is moot. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasReason(error, "NotFound")) return undefined;
    throw error;
  }
}

interface Named {
  readonly group: string;
  readonly resource: string;
}

const groupDetail = (group: string) => (group === "" ? {} : { group });

function qualified(what: Named): string {
  return what.group === "" ? what.resource : `${what.resource}.${what.group}`;
}

export const notFound = (what: Named, name: string) =>
  new StatusError("NotFound", `${qualified(what)} "${name}" not found`, { name, ...groupDetail(what.group), kind: what.resource });

export const alreadyExists = (what: Named, name: string) =>
  new StatusError("AlreadyExists", `${qualified(what)} "${name}" already exists`, { name, ...groupDetail(what.group), kind: what.resource });

export const conflict = (what: Named, name: string, why = "the object has been modified; please apply your changes to the latest version and try again") =>
  new StatusError("Conflict", `Operation cannot be fulfilled on ${qualified(what)} "${name}": ${why}`, {
    name,
    ...groupDetail(what.group),
    kind: what.resource,
  });

export const badRequest = (message: string) => new StatusError("BadRequest", message);

export const unauthorized = () => new StatusError("Unauthorized", "Unauthorized");

export const forbidden = (what: Named, name: string, why: string, causes?: readonly StatusCause[]) =>
  new StatusError("Forbidden", `${qualified(what)} ${name === "" ? "" : `"${name}" `}is forbidden: ${why}`, {
    ...(name === "" ? {} : { name }),
    ...groupDetail(what.group),
    kind: what.resource,
    ...(causes ? { causes } : {}),
  });

export const expired = (message: string) => new StatusError("Expired", message);

export const internalError = (message: string) => new StatusError("InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });

/** What upstream refuses without giving a reason, which makes a failure of its own of it: a 500 that says no more than this. */
export const withoutReason = (message: string) => StatusError.from({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 500 });

/** Several problems as one text, in upstream's form; of those that say the same one is told. */
export function joinProblems(messages: readonly string[]): string {
  const [first = "", ...more] = new Set(messages);
  return more.length === 0 ? first : `[${[first, ...more].join(", ")}]`;
}
