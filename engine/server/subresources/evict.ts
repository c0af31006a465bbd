import type { ApiResult, DeleteOptions } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { trackUpdate } from "../../apimachinery/server-side-apply/server-side-apply.ts";
import { badRequest, conflict, hasReason, notFound, StatusError } from "../../apimachinery/status-error.ts";
import { checkPreconditions } from "../../registry/before-delete.ts";
import { planEviction, spendDisruption } from "../../registry/disruption-budget.ts";
import { withDisruption } from "../../registry/eviction.ts";
import { podResource } from "../../resources/core/pod.ts";
import { podDisruptionBudgetResource } from "../../resources/policy/pod-disruption-budget.ts";
import type { Pod } from "../../resources/types.ts";
import { parseDeleteOptions } from "../delete-options.ts";
import { namespaceOf, nowText, success, type Exchange, type RequestOf } from "../exchange.ts";
import type { AdmittedBody } from "./subresources.ts";
import { deleteNamed } from "../verbs/delete.ts";

/** Each try begins with the pod as it is then; nobody changes one pod so often in a row. */
const TRIES_MAX = 20;

/** POST of pods/eviction: deletes the pod, unless a disruption budget cannot spare it. */
export async function evict(exchange: Exchange<RequestOf<"create">>, { object, validate }: AdmittedBody, name: string): Promise<ApiResult> {
  const eviction = object as KubeObject & { readonly deleteOptions?: object }; // decoded by evictionKind
  if (eviction.metadata.name !== name) throw badRequest("name in URL does not match name in Eviction object");
  await validate(eviction);
  const given = parseDeleteOptions(eviction.deleteOptions ?? {}, undefined);
  const options = { ...given, dryRun: exchange.request.options.dryRun === true || given.dryRun === true };
  for (let tries = 1; ; tries++) {
    try {
      await evictOnce(exchange, name, options);
      return success(201);
    } catch (error) {
      // What the client itself insists on is not tried again; what we saw of the pod is looked at anew.
      if (!hasReason(error, "Conflict") || options.preconditions !== undefined) throw error;
      if (tries === TRIES_MAX)
        throw new StatusError("ServerTimeout", `Pod ${namespaceOf(exchange)}/${name} changes too fast to be evicted; try again`, { retryAfterSeconds: 1 });
    }
  }
}

async function evictOnce(exchange: Exchange<RequestOf<"create">>, name: string, options: DeleteOptions): Promise<void> {
  const { store } = exchange.parts;
  const namespace = namespaceOf(exchange);
  const found = await store.get(podResource, namespace, name);
  if (found === undefined) throw notFound(podResource, name);
  const pod = found.object;
  checkPreconditions(podResource, pod, options);
  const { items } = await store.list(podDisruptionBudgetResource, namespace, {});
  const plan = planEviction(
    pod,
    items.map(({ object }) => object),
  );
  if (options.dryRun === true) {
    if (plan.do === "spend") spendDisruption(plan.budget, name, nowText(exchange));
    await deleteNamed(exchange, name, options, "admitted");
    return;
  }
  if (plan.do === "spend")
    await store.update(podDisruptionBudgetResource, namespace, plan.budget.metadata.name ?? "", ({ object }) => ({
      do: "write",
      object: spentByServer(object, spendDisruption(object, name, nowText(exchange)), nowText(exchange)),
    }));
  const isFixed = options.preconditions?.resourceVersion !== undefined || (plan.do === "delete" && plan.ifUnchanged);
  const marked = await mark(exchange, pod, isFixed);
  const preconditions = { ...options.preconditions, ...(isFixed ? { resourceVersion: marked } : {}) };
  await deleteNamed(exchange, name, { ...options, preconditions }, "admitted");
}

/** The server itself writes the budget's status, and owns what it says there. */
function spentByServer<T extends KubeObject>(budget: T, spent: T, now: string): T {
  return trackUpdate({
    schema: podDisruptionBudgetResource.schema,
    before: budget,
    after: spent,
    manager: "kube-apiserver",
    apiVersion: "policy/v1",
    subresource: "status",
    nowText: now,
  }) as T; // the same object with other metadata
}

/** Notes on the pod why it ends; gives the resourceVersion it has then. */
async function mark(exchange: Exchange, pod: Pod, isFixed: boolean): Promise<string> {
  const { name = "", namespace = "", resourceVersion } = pod.metadata;
  const { encoded } = await exchange.parts.store.update(podResource, namespace, name, ({ object }) => {
    if (isFixed && object.metadata.resourceVersion !== resourceVersion) throw conflict(podResource, name);
    return object.metadata.deletionTimestamp !== undefined ? { do: "keep" } : { do: "write", object: withDisruption(object, nowText(exchange)) };
  });
  return encoded.object.metadata.resourceVersion ?? "";
}
