import type { BodyKind } from "../../admission/admission.ts";
import type { ApiResult, EncodedObject, WriteOptions } from "../../apimachinery/api-request.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import { withOwnersOnce } from "../../apimachinery/owner-references.ts";
import { trackUpdate } from "../../apimachinery/server-side-apply/server-side-apply.ts";
import type { Conformed } from "../../apimachinery/structural-schema.ts";
import { notFound } from "../../apimachinery/status-error.ts";
import { isDeletedByUpdate } from "../../registry/before-delete.ts";
import { beforeUpdate, checkUpdatePreconditions, hasPart, isSameState, resetFieldsOf, scopeToSubresource } from "../../registry/before-update.ts";
import { withStrategyDefaults } from "../../registry/decode-object.ts";
import { scaleAccessOf, withoutOwnersOfNone } from "../../registry/scale.ts";
import { refuseMisshapen, refuseShape, shapeErrorsSince } from "../../registry/validate-object.ts";
import { requireStorable } from "../../storage/encoded-object.ts";
import type { Change } from "../../storage/object-store.ts";
import { admissionAttributes } from "../admission/admission-attributes.ts";
import { fieldManagerOf, madeUp, namespaceOf, nowText, objectResult, ownersTime, placeInNamespace, type Exchange, type RequestOf } from "../exchange.ts";
import { allocateNumbers, releaseNumbers, settleNumbers, withClaimRetries } from "./service-numbers.ts";
import { writeWithOwnersThatFit } from "./owners-that-fit.ts";
import { asReadBack } from "./read-back.ts";

/** What the writer wants the current object to become. */
export interface Wanted {
  readonly object: KubeObject;
  /** Server-side apply has attributed the fields already. */
  readonly isTracked: boolean;
  /** Of what is not: see Conformed. */
  readonly emptied?: Conformed["emptied"];
  /** What the writer sees of the object, and so admission; the object itself when absent. */
  readonly view?: ObjectView;
}

/** An object under another kind: a Deployment as its Scale. */
export interface ObjectView {
  readonly kind?: BodyKind;
  readonly of: (object: KubeObject) => KubeObject;
  /** The object with what the view says. */
  readonly into: (object: KubeObject, shown: KubeObject) => KubeObject;
}

const WHOLE_OBJECT: ObjectView = { of: (object) => object, into: (_object, shown) => shown };

/**
 * The common way of PUT and PATCH: wanted state → managed fields → admission → the kind's rules → store, all against one current state,
 * and again against a newer one when another writer was first. `want` sees the current object and decides.
 */
export async function changeObject(
  exchange: Exchange<RequestOf<"update" | "patch">>,
  want: (current: KubeObject) => Promise<Wanted> | Wanted,
): Promise<ApiResult> {
  const { request, definition, parts } = exchange;
  const { dryRun } = request.options as WriteOptions;
  let written: KubeObject | undefined;
  let former: KubeObject | undefined;
  let last: KubeObject | undefined;
  const write = async (tries: number, owned: ObjectView["of"]): Promise<EncodedObject> => {
    const change = async (current: EncodedObject): Promise<Change<KubeObject>> => {
      former = current.object;
      if (request.verb === "patch") request.span?.event("About to apply patch");
      const wanted = await want(current.object);
      const { planned, next } = await planChange(exchange, wanted, current.object, tries, owned);
      written = planned.do === "write" ? planned.object : undefined;
      last = planned.do === "delete" ? withMetadata(next, { resourceVersion: former.metadata.resourceVersion }) : undefined;
      return planned;
    };
    if (dryRun === true) {
      const current = await parts.store.get(definition, namespaceOf(exchange), request.name);
      if (current === undefined) throw notFound(definition, request.name);
      await change(current);
      const shown = written ?? last;
      return shown === undefined ? current : madeUp(await asReadBack(definition, shown));
    }
    const result = await parts.store.update(definition, namespaceOf(exchange), request.name, change);
    if (written !== undefined) parts.signings.written(definition, former, written);
    return last === undefined ? result.encoded : madeUp(last);
  };
  const encoded = await writeWithOwnersThatFit(request, (owned) => withClaimRetries((tries) => write(tries, owned)));
  // Who writes a part, as controllers write the status, has nothing to do with what is odd about the rest.
  return objectResult(200, encoded, request.subresource === undefined ? definition.strategy.warnings?.(encoded.object, former) : undefined);
}

/** Throws the 422 of a wanted object whose shape is wrong, unless what is stored is as wrong; of a part of one, nothing but its shape is judged. */
export function refuseWanted(
  { request, definition, parts }: Exchange<RequestOf<"update" | "patch">>,
  object: KubeObject,
  given: readonly FieldError[],
  current: KubeObject,
): void {
  checkUpdatePreconditions(definition, request.name, object, current, request.verb === "patch");
  const errors = definition.content === undefined ? shapeErrorsSince(definition, given, object, current) : given;
  if (errors.length === 0) return;
  if (request.subresource === undefined) refuseMisshapen(definition, object, errors, parts.disabled, current);
  else refuseShape(definition, object, errors);
}

/** What becomes of the object, and what it would be: with the last finalizer it goes, and who took that is shown it without. */
async function planChange(
  exchange: Exchange<RequestOf<"update" | "patch">>,
  wanted: Wanted,
  current: KubeObject,
  tries: number,
  owned: ObjectView["of"],
): Promise<{ readonly planned: Change<KubeObject>; readonly next: KubeObject }> {
  const { request, definition, parts } = exchange;
  checkUpdatePreconditions(definition, request.name, wanted.object, current, request.verb === "patch");
  requireStorable(definition, request.name, wanted.object);
  const scope = (object: KubeObject) => scopeToSubresource(definition, object, current, request.subresource);
  const track = (object: KubeObject) => (wanted.isTracked ? object : trackFields(exchange, object, current, wanted.emptied));
  // As upstream: who writes a part of an object owns all that he sent, also what is not kept of it.
  const tracked = hasPart(definition, request.subresource) ? scope(track(wanted.object)) : track(scope(wanted.object));
  const view = wanted.view ?? WHOLE_OBJECT;
  const kind = view.kind === undefined ? {} : { kind: view.kind };
  const attributes = admissionAttributes(
    exchange,
    { operation: "UPDATE", name: request.name, object: undefined, old: view.of(current), ...kind },
    request.options,
  );
  const shown = view.of(tracked);
  if (request.verb === "patch") request.span?.event("About to check admission control");
  const mutated = await parts.admission.mutate({ ...attributes, object: shown }, shown);
  const changed = mutated === shown ? shown : placeInNamespace(exchange, mutated);
  const admitted = withOwnersOnce(
    owned(changed === shown ? tracked : view.into(tracked, changed)),
    (text) => exchange.notes.warn(text),
    " after mutating admission happens",
  );
  const settled = request.subresource === undefined ? settleNumbers(parts, definition, admitted, current) : admitted;
  const next = beforeUpdate(definition, settled, current, request.subresource, parts.disabled, nowText(exchange), (text) => exchange.notes.warn(text));
  await parts.admission.validate({ ...attributes, object: view.of(next) });
  if (isDeletedByUpdate(next, current)) return { planned: { do: "delete", ...releaseNumbers(parts, definition, current) }, next };
  // Writing what is there already writes nothing, unless a newer key is to seal it; also where defaults are other ones since it was stored.
  if (isSameState(next, withStrategyDefaults(definition, current)))
    return { planned: exchange.definition.storedAs === undefined ? { do: "write", object: current } : { do: "keep" }, next };
  const { object, extra } =
    request.subresource === undefined
      ? await allocateNumbers(parts, definition, next, current, tries, request.options.dryRun === true)
      : { object: next, extra: undefined };
  return { planned: { do: "write", object, ...(extra === undefined ? {} : { extra }) }, next: object };
}

function trackFields(
  exchange: Exchange<RequestOf<"update" | "patch">>,
  object: KubeObject,
  current: KubeObject,
  emptied: Conformed["emptied"] | undefined,
): KubeObject {
  const { request, definition } = exchange;
  const tracked = trackUpdate({
    schema: definition.schema,
    before: current,
    after: object,
    emptied,
    manager: fieldManagerOf(request, request.options),
    apiVersion: formatApiVersion(definition.group, definition.version),
    ...(request.subresource === undefined ? {} : { subresource: request.subresource }),
    resetFields: resetFieldsOf(definition, request.subresource),
    nowText: ownersTime(exchange),
  });
  const access = request.subresource === "scale" ? scaleAccessOf(definition) : undefined;
  return access === undefined ? tracked : withoutOwnersOfNone(access, tracked);
}
