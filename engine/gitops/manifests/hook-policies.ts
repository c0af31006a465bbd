import type { DesiredObject } from "./desired-state.ts";
import { isMomentHere, momentsOf } from "./object-order.ts";

/** Policies of Argo CD and Helm about hooks that are over, by what they ask for. */
const POLICY_ANNOTATIONS = ["argocd.argoproj.io/hook-delete-policy", "helm.sh/hook-delete-policy"];
const BEFORE: ReadonlySet<string> = new Set(["BeforeHookCreation", "before-hook-creation"]);
const SUCCEEDED: ReadonlySet<string> = new Set(["HookSucceeded", "hook-succeeded"]);
const FAILED: ReadonlySet<string> = new Set(["HookFailed", "hook-failed"]);

/** Whether an object is something that runs to its end at a moment, rather than something that others use then. */
export function isRun({ order, object, resource }: Pick<DesiredObject, "order" | "object" | "resource">): boolean {
  return order.hook !== undefined && ((resource.group === "batch" && object.kind === "Job") || (resource.group === "" && object.kind === "Pod"));
}

/** Whether a hook is to be gone once it has done what it is for. */
export function goesWhenDone(desired: DesiredObject): boolean {
  return isRun(desired) && policiesOf(desired).some((policy) => SUCCEEDED.has(policy));
}

/** Whether a hook says itself that it is made anew each time. */
export function isMadeAnew(desired: DesiredObject): boolean {
  return desired.order.hook !== undefined && policiesOf(desired).some((policy) => BEFORE.has(policy));
}

/** What the hooks of a unit ask for and do not get, a line for each thing. */
export function findUnheededHooks(objects: readonly DesiredObject[]): readonly string[] {
  const hooks = objects.filter(({ order }) => order.hook !== undefined);
  const notices = hooks.flatMap((desired) => {
    const lost = momentsOf(desired.object).filter((moment) => !isMomentHere(moment) && !moment.endsWith("-rollback"));
    const unknown = policiesOf(desired).filter((policy) => ![BEFORE, SUCCEEDED, FAILED].some((known) => known.has(policy)));
    return [
      ...(lost.length === 0
        ? []
        : [
            `${placeOf(desired)} hook ${lost.join(", ")} has no moment here; it runs only ${(desired.order.hook ?? []).map((phase) => (phase === "main" ? "with the others" : phase)).join(" and ")}`,
          ]),
      ...(unknown.length === 0 ? [] : [`${placeOf(desired)} ${unknown.join(", ")} is no policy of hooks, and does nothing`]),
    ];
  });
  const asking = (policies: ReadonlySet<string>, isOfRuns: boolean) =>
    hooks.filter((desired) => isRun(desired) === isOfRuns && policiesOf(desired).some((policy) => policies.has(policy)));
  const failing = asking(FAILED, true);
  const used = asking(SUCCEEDED, false);
  if (failing.length > 0)
    notices.push(
      `${placeOf(failing[0])} a hook that fails stays, so that its log can be read, until something of its application changes; ${policiesOf(failing[0])
        .filter((policy) => FAILED.has(policy))
        .join()} is not carried out${others(failing)}`,
    );
  if (used.length > 0) notices.push(`${placeOf(used[0])} ${used[0]?.object.kind ?? ""} stays when the hooks are over; only Jobs and Pods go${others(used)}`);
  return notices;
}

function policiesOf(desired: DesiredObject | undefined): readonly string[] {
  const annotations = desired?.object.metadata.annotations ?? {};
  return POLICY_ANNOTATIONS.flatMap((key) => (annotations[key] ?? "").split(","))
    .map((policy) => policy.trim())
    .filter((policy) => policy !== "");
}

function placeOf(desired: DesiredObject | undefined): string {
  return `${desired?.file ?? ""}:${desired?.line ?? 1}`;
}

function others({ length }: readonly unknown[]): string {
  return length === 1 ? "" : `, as with ${length - 1} more`;
}
