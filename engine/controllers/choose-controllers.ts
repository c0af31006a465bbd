/** What operators may switch, by the names that upstream's controller manager has for it; the scheduler, a program of its own there, is one more. */
export const CONTROLLER_NAMES = [
  "certificatesigningrequest-approving-controller",
  "certificatesigningrequest-cleaner-controller",
  "certificatesigningrequest-signing-controller",
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemonset-controller",
  "deployment-controller",
  "device-taint-eviction-controller",
  "disruption-controller",
  "endpoints-controller",
  "endpointslice-controller",
  "endpointslice-mirroring-controller",
  "ephemeral-volume-controller",
  "garbage-collector-controller",
  "horizontal-pod-autoscaler-controller",
  "job-controller",
  "legacy-serviceaccount-token-cleaner-controller",
  "namespace-controller",
  "node-ipam-controller",
  "node-lifecycle-controller",
  "persistentvolume-attach-detach-controller",
  "persistentvolume-binder-controller",
  "persistentvolume-protection-controller",
  "persistentvolumeclaim-protection-controller",
  "pod-garbage-collector-controller",
  "replicaset-controller",
  "replicationcontroller-controller",
  "resourceclaim-controller",
  "resourcequota-controller",
  "scheduler",
  "service-cidr-controller",
  "service-lb-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "statefulset-controller",
  "taint-eviction-controller",
  "token-cleaner-controller",
  "ttl-after-finished-controller",
  "validatingadmissionpolicy-status-controller",
  "volumeattributesclass-protection-controller",
] as const;

export type ControllerName = (typeof CONTROLLER_NAMES)[number];

/** What runs. */
export type ControllerChoice = ReadonlySet<ControllerName>;

/** What runs only where it is named: clusters with load balancers of their own must not be given others. */
const ON_DEMAND: readonly ControllerName[] = ["service-lb-controller"];

/** What runs when nobody says anything. */
export const USUAL_CONTROLLERS: ControllerChoice = new Set(CONTROLLER_NAMES.filter((name) => !ON_DEMAND.includes(name)));

/** Names that upstream knows and that mean nothing here: there is no such work, or another part does it. They may be switched off. */
const ABSENT: readonly string[] = [
  "bootstrap-signer-controller",
  "cloud-node-lifecycle-controller",
  "kube-apiserver-serving-clustertrustbundle-publisher-controller",
  "node-route-controller",
  "persistentvolume-expander-controller",
  "podcertificaterequest-cleaner-controller",
  "root-ca-certificate-publisher-controller",
  "selinux-warning-controller",
  "storage-version-migrator-controller",
  "storageversion-garbage-collector-controller",
  "ttl-controller",
];

/**
 * What `*,-foo` and its like ask for: `foo` is on, `-foo` is off, and `*` stands for all that is not named, but for those on demand;
 * without it those are off.
 * Throws for names that nobody knows, and for asking for what is not here.
 */
export function chooseControllers(names: readonly string[]): ControllerChoice {
  for (const name of names) {
    const bare = name.replace(/^-/, "");
    if (bare === "*" || isControllerName(bare)) continue;
    if (!ABSENT.includes(bare))
      throw new Error(`must be names such as job-controller, -job-controller or *; ${JSON.stringify(bare)} is not the name of a controller`);
    if (bare === name) throw new Error(`${JSON.stringify(bare)} does not exist here`);
  }
  const isOn = (name: ControllerName) => !names.includes(`-${name}`) && (names.includes(name) || (names.includes("*") && USUAL_CONTROLLERS.has(name)));
  return new Set(CONTROLLER_NAMES.filter(isOn));
}

function isControllerName(name: string): name is ControllerName {
  return (CONTROLLER_NAMES as readonly string[]).includes(name);
}
