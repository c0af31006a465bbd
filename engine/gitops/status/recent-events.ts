import { parseApiVersion } from "../../apimachinery/group-version.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { Informer } from "../../client/informer.ts";
import type { CoreEvent } from "../../resources/types.ts";
import { APPLICATION_LABEL } from "../manifests/desired-state.ts";
import type { ClusterView } from "../sync/cluster-view.ts";
import type { EventFacts } from "./status-facts.ts";

/** Kept of each application, newest first; another one displaces the oldest. */
const KEPT_MAX = 10;
const APPLICATIONS_MAX = 5_000;
/** Events whose objects are not known yet; of more, the oldest are forgotten. */
const OPEN_MAX = 1_000;
const MESSAGE_MAX = 300;

/** Only their messages are told: what others write into events is theirs, and the page is public. */
const OWN_REPORTERS = /^(kubelet|default-scheduler|mainstay-gitops|.*-controller|controller-manager|.*controllermanager)$/;
/** Normal events that tell of a decision somebody may wonder about; all others tell that things go their way. */
const TOLD_NORMAL: ReadonlySet<string> = new Set(["SuccessfulRescale", "Preempted", "Pruned", "TaintManagerEviction"]);
/** What a container answered to a probe or wrote in a hook comes after the colon, and may hold anything. */
const ANSWERS = /^((?:Liveness|Readiness|Startup) probe (?:failed|errored)|.*[Hh]ook[^:]*):[\s\S]*$/;

/**
 * What happened to applications lately, for their pages. Each thing once: what repeats, on whatever pod, is told with the time of its
 * first appearance, so a crash that goes on for days changes nothing. An event that the store forgets stays until others displace it.
 */
export class RecentEvents {
  readonly #view: ClusterView;
  readonly #kept = new Map<string, Map<string, EventFacts>>();
  readonly #open = new Map<string, CoreEvent>();
  /** Objects came or changed since events that lack theirs were looked at. */
  #mayPlace = false;

  constructor(view: ClusterView, events: Informer<CoreEvent>, onChange: () => void) {
    this.#view = view;
    const take = (event: CoreEvent) => {
      if (event.type !== "Warning" && !TOLD_NORMAL.has(event.reason ?? "")) return;
      if (this.#place(event)) onChange();
    };
    view.listen(() => (this.#mayPlace = true));
    events.addHandler({ add: take, update: (_old, event) => take(event), delete: () => {} });
  }

  /** Newest first. */
  of(application: string): readonly EventFacts[] {
    if (this.#mayPlace) for (const event of [...this.#open.values()]) this.#place(event);
    this.#mayPlace = false;
    return [...(this.#kept.get(application)?.values() ?? [])].sort((a, b) => (a.since < b.since ? 1 : a.since > b.since ? -1 : a.object < b.object ? -1 : 1));
  }

  /** Returns whether something new is to be told. */
  #place(event: CoreEvent): boolean {
    const { uid = "" } = event.metadata;
    this.#open.delete(uid);
    const root = this.#rootOf(event);
    if (root === undefined) {
      // The object may be read later than its event, at a start above all.
      this.#open.set(uid, event);
      const [oldest] = this.#open.keys();
      if (this.#open.size > OPEN_MAX && oldest !== undefined) this.#open.delete(oldest);
      return false;
    }
    const application = root.kind === "Application" ? root.metadata.name : root.metadata.labels?.[APPLICATION_LABEL];
    if (application === undefined) return false;
    const facts = eventFacts(event, root);
    const key = `${facts.object} ${facts.reason} ${sameWords(facts.message)}`;
    const kept = this.#kept.get(application) ?? new Map<string, EventFacts>();
    if (kept.has(key)) return false;
    const oldest = kept.size < KEPT_MAX ? undefined : [...kept].reduce((first, one) => (one[1].since < first[1].since ? one : first));
    if (oldest !== undefined && oldest[1].since >= facts.since) return false;
    if (oldest !== undefined) kept.delete(oldest[0]);
    this.#kept.set(application, kept.set(key, facts));
    const [first] = this.#kept.keys();
    if (this.#kept.size > APPLICATIONS_MAX && first !== undefined) this.#kept.delete(first);
    return true;
  }

  /** What the object belongs to in the end; undefined while it is not known. */
  #rootOf({ involvedObject: { apiVersion = "v1", kind = "", namespace, name = "", uid } }: CoreEvent): KubeObject | undefined {
    const object = this.#view.find(parseApiVersion(apiVersion).group, kind, namespace, name);
    if (object === undefined || (uid !== undefined && uid !== "" && object.metadata.uid !== uid)) return undefined;
    const root = this.#view.rootOf(object);
    // Its owner may be read later than itself, too.
    return root.metadata.ownerReferences?.some((owner) => owner.controller === true) === true ? undefined : root;
  }
}

/** An event as it may be told: of pods, the object that made them; words of strangers and of containers are left out. Pure. */
export function eventFacts(
  { involvedObject, type, reason, message, source, reportingComponent, firstTimestamp, eventTime, metadata }: CoreEvent,
  root: Pick<KubeObject, "kind" | "metadata">,
): EventFacts {
  const reporter = source?.component || (reportingComponent ?? "");
  const text = OWN_REPORTERS.test(reporter) ? (message ?? "").replace(ANSWERS, "$1").replace(/\s+/g, " ").trim() : "";
  const owner = `${root.kind} ${root.metadata.namespace === undefined ? "" : `${root.metadata.namespace}/`}${root.metadata.name ?? ""}`;
  return {
    type: type === "Warning" ? "Warning" : "Normal",
    reason: reason ?? "",
    object: involvedObject.kind === root.kind ? owner : `${involvedObject.kind ?? ""} of ${owner}`,
    message: text.length <= MESSAGE_MAX ? text : `${text.slice(0, MESSAGE_MAX - 1)}…`,
    since: (firstTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "").replace(/\.\d+Z$/, "Z"),
  };
}

/** Equal for messages that differ in nothing but names that were made up, and numbers. */
function sameWords(message: string): string {
  return message.replace(/[0-9a-z]+(?:[-_.][0-9a-z]+)*/g, (word) => (/\d/.test(word) || /-[a-z0-9]{5,10}$/.test(word) ? "#" : word));
}
